"""A service at one moment, small enough to keep: the before and after of evidence."""

from __future__ import annotations

from everup.model.assessment import Assessment
from everup.model.evidence import Sighting
from everup.model.kinds import UNKNOWN
from everup.model.observation import Observation
from everup.model.stack import Stack


def sight(stack: Stack, observation: Observation, assessment: Assessment, service: str) -> Sighting:
    """What is seen of the service and of those that depend on it."""
    seen = observation.services.get(service)
    health = assessment.own.services.get(service)
    probes = [
        f"{i.instance.name}: {i.probe.verdict} {i.probe.detail}".strip()
        for i in (seen.instances if seen is not None else ())
        if i.probe is not None
    ]
    return Sighting(
        at_s=observation.at_s,
        score=health.score if health is not None else UNKNOWN,
        condition=health.condition if health is not None else "unknown",
        instances={
            i.instance.name: f"{i.instance.identity}|{i.instance.state}"
            for i in (seen.instances if seen is not None else ())
        },
        probe="; ".join(probes),
        dependents={d: assessment.own.score(d) for d in stack.dependents_of(service)},
    )
