"""Which answers count, where nobody declared how to ask: those of whom it was seen to answer.

Flows in: the observation, and what was proven before. Flows out: the same observation in which an
instance goes unasked as long as its inferred probe proves nothing. Pure but for the memory that it
is given; called by `observe`.

An inferred probe that never passed proves nothing: the port may be another one, closed to us, or
speak something else. It counts once it has passed for what the service is made of now: in this
life, in an earlier one of the same container, or while our own action makes that container anew.
What somebody else made anew has to pass again. That it passed is in the journal too, so that a
restart of Everup forgets nothing of the present life.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.observation import InstanceObservation, Observation, ServiceObservation
from everup.model.stack import Stack
from everup.model.state import StackState


class Proven:
    """Service → what it was made as when its inferred probe passed."""

    def __init__(self, stack: Stack) -> None:
        self._inferred = tuple(
            name for name, spec in stack.services.items() if spec.probe and spec.probe.is_inferred
        )
        self._makes: dict[str, frozenset[str]] = {}

    def only(self, seen: Observation, state: StackState) -> Observation:
        """The observation without answers that prove nothing."""
        if not self._inferred:
            return seen
        services: Mapping[str, ServiceObservation] = {
            **seen.services,
            **{name: self._of(seen.services[name], state) for name in self._inferred},
        }
        return replace(seen, services=services)

    def _of(self, seen: ServiceObservation, state: StackState) -> ServiceObservation:
        self._learn(seen, state)
        proven = self._makes.get(seen.service, frozenset())
        if all(one.instance.make in proven for one in seen.instances):
            return seen
        instances = tuple(
            one if one.instance.make in proven else replace(one, probe=None, goes_unasked=True)
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
