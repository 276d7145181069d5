"""The gate and sizes: bounds, who would be missed, and what the host must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from everup.model.decision import Allowed, Check, Delayed, Expectation, Proposal, Refused, Step
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.observation import HostObservation, Observation
from everup.model.scaling import BEFORE, INSTANCES, LEAVING, MEMORY, MEMORY_BEFORE
from everup.model.stack import Limits
from everup.model.state import InFlight, StackState
from everup.safety import judge
from tests.unit.builders import NOW_S, context, failing, seen, service, stack, up

MIB = 1024.0 * 1024
PERSON = Origin.PERSON
ROOMY = HostObservation(memory_total_bytes=8000 * MIB, memory_available_bytes=3000 * MIB)


def proposal(
    kind: ActionKind, parameters: Mapping[str, str | int | float | bool], origin: Origin = PERSON
) -> Proposal:
    step = Step(kind, "a", parameters)
    cause = Cause.REQUESTED if origin is Origin.PERSON else Cause.CRASH_LOOP
    return Proposal("k", origin, "a", cause, (step,), "", Expectation("a", 60.0), on_running=True)


def said(asked: Proposal, observation: Observation, **changes: object) -> object:
    spec = service("a", limits=Limits(1000 * MIB), **changes)
    verdict = judge(asked, context(stack(spec, mode=Mode.AUTO), observation))
    return verdict if isinstance(verdict, Allowed) else verdict.check


@pytest.mark.parametrize(("added", "is_allowed"), [(1, True), (2, False)])
def test_the_host_keeps_its_share(added: int, *, is_allowed: bool) -> None:
    asked = proposal(ActionKind.SCALE_OUT, {INSTANCES: 1 + added, BEFORE: 1})
    verdict = said(asked, replace(seen(up("a")), host=ROOMY))
    assert (verdict == Allowed()) is is_allowed
    assert is_allowed or verdict is Check.HEADROOM


def test_a_larger_limit_needs_what_it_adds_for_each() -> None:
    asked = proposal(ActionKind.SCALE_UP, {MEMORY: 2000 * MIB, MEMORY_BEFORE: 1000 * MIB})
    assert said(asked, replace(seen(up("a")), host=ROOMY)) == Allowed()
    two = replace(seen(up("a"), up("a", 1)), host=ROOMY)
    assert said(asked, two) is Check.HEADROOM
    assert said(asked, seen(up("a"))) is Check.HEADROOM, "the host's memory is unknown"


@pytest.mark.parametrize("kind", [ActionKind.SCALE_OUT, ActionKind.START])
def test_what_others_grow_by_is_promised(kind: ActionKind) -> None:
    """Two that grow in one look are each within the host's room, and together beyond it."""
    limits = Limits(1000 * MIB)
    both = stack(service("a", limits=limits), service("b", limits=limits), mode=Mode.AUTO)
    parameters = {INSTANCES: 2, BEFORE: 1}
    flight = InFlight(
        *("act-1", None, "k", Origin.SCALING, Cause.DEMAND, Step(kind, "b", parameters), NOW_S),
        *(Sighting(NOW_S), Expectation("b", 60.0)),
    )
    state = StackState(in_flight={"b": flight})
    asked = proposal(ActionKind.SCALE_OUT, parameters)
    observation = replace(seen(up("a"), up("b")), host=ROOMY)
    verdict = judge(asked, context(both, observation, state=state))
    if kind is ActionKind.START:
        assert verdict == Allowed(), "it takes nothing that it had not"
        return
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.HEADROOM
    assert "promised to what grows already" in verdict.reason


def test_short_of_cpu_only_a_person_grows_anything() -> None:
    host = replace(ROOMY, pressure_ratio=0.95)
    parameters = {INSTANCES: 2, BEFORE: 1}
    observation = replace(seen(up("a")), host=host)
    asked = proposal(ActionKind.SCALE_OUT, parameters)
    assert said(asked, observation, max_instances=2) == Allowed()
    own = proposal(ActionKind.SCALE_OUT, parameters, Origin.SCALING)
    assert said(own, observation, max_instances=2) is Check.HEADROOM
    memory = {MEMORY: 1100 * MIB, MEMORY_BEFORE: 1000 * MIB}
    own = replace(proposal(ActionKind.SCALE_UP, memory, Origin.RECOVERY), on_running=False)
    assert said(own, observation) == Allowed(), "memory is no CPU"


@pytest.mark.parametrize(
    ("leaving", "least", "is_allowed"),
    [("a-1", 1, True), ("a-0", 1, False), ("a-0", 0, True), ("a-1,a-0", 0, True)],
)
def test_whoever_goes_is_not_missed(leaving: str, least: int, *, is_allowed: bool) -> None:
    """a-1 is sick."""
    observation = seen(up("a"), failing("a", number=1))
    asked = proposal(ActionKind.SCALE_IN, {INSTANCES: 1, BEFORE: 2, LEAVING: leaving})
    verdict = said(
        asked, observation, instances=2, min_instances=least, max_instances=9, has_bounds=True
    )
    assert (verdict == Allowed()) is is_allowed
    assert is_allowed or verdict is Check.MINIMUM_HEALTHY


def test_the_most_binds_everup_always_and_a_person_where_it_was_declared() -> None:
    observation = replace(seen(up("a")), host=replace(ROOMY, memory_available_bytes=7900 * MIB))
    parameters = {INSTANCES: 3, BEFORE: 1}
    asked = proposal(ActionKind.SCALE_OUT, parameters)
    assert said(asked, observation, max_instances=2) == Allowed()
    assert said(asked, observation, max_instances=2, has_bounds=True) is Check.MINIMUM_HEALTHY
    own = replace(asked, origin=Origin.SCALING, by="everup")
    spec = service("a", max_instances=2)
    verdict = judge(own, context(stack(spec), observation))
    assert isinstance(verdict, Refused)
    assert verdict.check is Check.MINIMUM_HEALTHY
