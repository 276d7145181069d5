"""Which answers count, where it is not certain that we ask it rightly: of whom it was seen to pass.

Flows in: the observation, and what was proven before. Flows out: the same observation in which an
instance goes unasked as long as its probe proves nothing. Pure but for the memory that it is
given; called by `observe`.

An inferred probe that never passed proves nothing: the port may be another one, closed to us, or
speak something else. It counts once it has passed for what the service is made of now: in this
life, in an earlier one of the same container, or while our own action makes that container anew.
What somebody else made anew has to pass again. That it passed is in the journal too, so that a
restart of Everup forgets nothing of the present life.

An owner's probe that asks the instance's own address proves nothing either where that address is
not certain to be its own as seen from here: there may be no way to it, or somebody else answers.
Once it has passed there is a way, whatever the service is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.observation import (
    Instance,
    InstanceObservation,
    Observation,
    ServiceObservation,
)
from everup.model.stack import HOST_MARK, ProbeSpec, Stack
from everup.model.state import StackState


def must_pass_first(probe: ProbeSpec, instance: Instance) -> bool:
    """Does this probe prove nothing of it before it has passed?"""
    return probe.is_inferred or (instance.near is None and _asks_its_address(probe))


def _asks_its_address(probe: ProbeSpec) -> bool:
    return any(HOST_MARK in target for target in probe.targets)


class Proven:
    """Service → what it was made as when its inferred probe passed; whose owner's probe has."""

    def __init__(self, stack: Stack) -> None:
        self._probes = {
            name: spec.probe
            for name, spec in stack.services.items()
            if spec.probe and (spec.probe.is_inferred or _asks_its_address(spec.probe))
        }
        self._makes: dict[str, frozenset[str]] = {}
        self._reached: set[str] = set()

    def only(self, seen: Observation, state: StackState) -> Observation:
        """The observation without answers that prove nothing."""
        if not self._probes:
            return seen
        services: Mapping[str, ServiceObservation] = {
            **seen.services,
            **{name: self._of(seen.services[name], state) for name in self._probes},
        }
        return replace(seen, services=services)

    def _of(self, seen: ServiceObservation, state: StackState) -> ServiceObservation:
        probe = self._probes[seen.service]
        if not probe.is_inferred:
            return self._if_reached(seen, probe, state)
        self._learn(seen, state)
        proven = self._makes.get(seen.service, frozenset())
        if all(one.instance.make in proven for one in seen.instances):
            return seen
        instances = tuple(
            one if one.instance.make in proven else replace(one, probe=None, goes_unasked=True)
            for one in seen.instances
        )
        return replace(seen, instances=instances)

    def _if_reached(
        self, seen: ServiceObservation, probe: ProbeSpec, state: StackState
    ) -> ServiceObservation:
        lives = state.service(seen.service).lives
        if any(_has_passed(one, lives) for one in seen.instances):
            self._reached.add(seen.service)
        if seen.service in self._reached:
            return seen
        instances = tuple(
            replace(one, probe=None, goes_unasked=True)
            if must_pass_first(probe, one.instance)
            else one
            for one in seen.instances
        )
        return replace(seen, instances=instances)

    def _learn(self, seen: ServiceObservation, state: StackState) -> None:
        name = seen.service
        known = self._makes.get(name, frozenset())
        now = frozenset(one.instance.make for one in seen.instances)
        if known and name in state.in_flight:
            self._makes[name] = known | now
            return
        lives = state.service(name).lives
        passed = {one.instance.make for one in seen.instances if _has_passed(one, lives)}
        self._makes[name] = (known & now) | passed


def _has_passed(one: InstanceObservation, lives: Mapping[str, str]) -> bool:
    instance = one.instance
    if one.probe is not None and one.probe.has_ever_passed:
        return True
    return lives.get(instance.name) == instance.identity
