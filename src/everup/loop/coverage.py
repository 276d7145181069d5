"""How much of a stack can be judged, and by what. Pure; for the API and the CLI.

Flows in: the stack, and the latest observation if there is one. Flows out: a Coverage. A service of
which nobody can be asked is only seen to run, to have died, or to stand still; that is said, with
what would change it. One-shots need no answer and do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.observation import Observation
from everup.model.stack import ProbeOrigin, ServiceSpec, Stack

CHECK, PROBE, SPEAKS = "healthcheck", "probe", "what it speaks"
NETWORK_ONLY = "only whether its borrowed network is there"
NOBODY_SAID = "nobody declared how to ask it"
OUT_OF_REACH = "its address is not certain to be its own from here, and its probe never passed"
NAMED_MOST = 8
FIXES = {"docker": "everup suggest writes the missing healthchecks"}
FIX = "give it a probe in everup.yaml"


@dataclass(frozen=True, slots=True)
class Coverage:
    """`judged`: service → by what. `only_seen`: service → why it cannot be asked."""

    judged: Mapping[str, str]
    only_seen: Mapping[str, str]
    fix: str

    @property
    def text(self) -> str:
        """`3 of 5 services can be judged (2 by healthcheck, 1 by what it speaks); …`."""
        total = len(self.judged) + len(self.only_seen)
        by = Counter(self.judged.values())
        how = ", ".join(f"{by[way]} by {way}" for way in (CHECK, PROBE, SPEAKS) if by[way])
        said = f"{len(self.judged)} of {total} services can be judged" + (
            f" ({how})" if how else ""
        )
        if not self.only_seen:
            return said
        names = list(self.only_seen)
        more = f" and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
        named = f"{', '.join(names[:NAMED_MOST])}{more}"
        return f"{said}; only seen to run: {named}. {self.fix}"


def coverage(stack: Stack, seen: Observation | None) -> Coverage:
    """Of all services that are meant to stay."""
    judged: dict[str, str] = {}
    only_seen: dict[str, str] = {}
    for name, spec in stack.services.items():
        if spec.is_one_shot:
            continue
        why = _why_not(spec, seen)
        if why:
            only_seen[name] = why
        else:
            judged[name] = _way(spec)
    return Coverage(judged, only_seen, FIXES.get(stack.runtime, FIX))


def _way(spec: ServiceSpec) -> str:
    if spec.probe is None or spec.probe.is_owners:
        return CHECK
    return SPEAKS if spec.probe.is_inferred else PROBE


def _why_not(spec: ServiceSpec, seen: Observation | None) -> str:
    probe = spec.probe
    if probe is None:
        return spec.unasked_because or NOBODY_SAID
    if probe.origin is ProbeOrigin.NETWORK:
        return NETWORK_ONLY
    service = None if seen is None else seen.services.get(spec.name)
    instances = () if service is None else service.instances
    if not probe.is_inferred:
        is_asked = not instances or any(not one.goes_unasked for one in instances)
        return "" if is_asked else OUT_OF_REACH
    if any(one.probe is not None and not one.goes_unasked for one in instances):
        return ""
    if any(one.instance.near is None for one in instances):
        return f"it seems to speak {probe.kind}, and cannot be reached from here"
    return f"it seems to speak {probe.kind}, and has not answered so far"
