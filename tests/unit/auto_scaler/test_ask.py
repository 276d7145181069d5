"""What is asked of a size: the step that does it, or the name of what stands against it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler import Ask, Change, ServiceScale, change, scale_of
from everup.auto_scaler.override import override
from everup.model.kinds import ActionKind, InstanceState
from everup.model.scaling import (
    BEFORE,
    INSTANCES,
    LEAVING,
    MEMORY,
    Amount,
    Obstacle,
    Refusal,
    Spread,
    borne_by,
)
from everup.model.settings import Settings
from everup.model.stack import Limits, ServiceSpec
from everup.model.state import ServiceState
from everup.model.undo import undo_of
from tests.unit.builders import SETTINGS, seen, service, stack, up

MIB = 1024.0 * 1024
OUT, IN, UP, DOWN = (
    ActionKind.SCALE_OUT,
    ActionKind.SCALE_IN,
    ActionKind.SCALE_UP,
    ActionKind.SCALE_DOWN,
)
THREE = ServiceScale(3, 3, 3, ("a-2", "a-1", "a-0"), 100 * MIB, 1.0, 40 * MIB)


def ask(
    spec: ServiceSpec,
    kind: ActionKind | None = None,
    amount: Amount | None = None,
    scale: ServiceScale = THREE,
    *,
    is_persons: bool = True,
    settings: Settings = SETTINGS,
) -> Change | tuple[Refusal, ...]:
    asked = Ask(kind, amount or Amount(), is_persons=is_persons)
    return change(asked, spec, scale, stack(spec, service("user", "a")), settings)


def refused(found: Change | tuple[Refusal, ...]) -> Obstacle:
    assert not isinstance(found, Change)
    return found[0].name


SPREAD = service("a", spread=Spread.CLIENT)
BOUND = replace(SPREAD, has_bounds=True, min_instances=2, max_instances=4)


@pytest.mark.parametrize(
    ("spec", "kind", "amount", "name"),
    [
        (service("a"), OUT, Amount(4), Obstacle.NO_ROUTER),
        (replace(SPREAD, is_one_shot=True), OUT, Amount(4), Obstacle.ONE_SHOT),
        (replace(BOUND, max_instances=1, min_instances=1), OUT, Amount(4), Obstacle.SINGLETON),
        (BOUND, OUT, Amount(5), Obstacle.ABOVE_MOST),
        (BOUND, IN, Amount(1), Obstacle.BELOW_LEAST),
        (SPREAD, IN, Amount(3), Obstacle.NO_CHANGE),
        (SPREAD, OUT, Amount(2), Obstacle.WRONG_WAY),
        (SPREAD, OUT, Amount(101), Obstacle.ABOVE_MOST),
        (SPREAD, None, Amount(), Obstacle.NO_AMOUNT),
        (SPREAD, None, Amount(2, 64 * MIB), Obstacle.NO_AMOUNT),
        (SPREAD, DOWN, Amount(memory_bytes=45 * MIB), Obstacle.BELOW_USE),
        (SPREAD, DOWN, Amount(memory_bytes=200 * MIB), Obstacle.WRONG_WAY),
        (SPREAD, DOWN, Amount(cpus=1e-10), Obstacle.BELOW_USE),
        (SPREAD, None, Amount(memory_bytes=200 * MIB, cpus=0.5), Obstacle.WRONG_WAY),
        (SPREAD, None, Amount(memory_bytes=100 * MIB), Obstacle.NO_CHANGE),
    ],
)
def test_what_stands_against_it_has_a_name(
    spec: ServiceSpec, kind: ActionKind | None, amount: Amount, name: Obstacle
) -> None:
    assert refused(ask(spec, kind, amount)) is name


def test_what_the_runtime_sees_stands_first_and_the_switch_before_all() -> None:
    fixed = Refusal(Obstacle.FIXED_HOST_PORT, "port 80 of the host is taken by it")
    assert refused(ask(replace(service("a"), no_copies=(fixed,)), OUT)) is fixed.name
    off = replace(SETTINGS, auto_scaling_enabled=False)
    for kind in (OUT, IN, UP, DOWN):
        assert refused(ask(SPREAD, kind, settings=off)) is Obstacle.SWITCHED_OFF


def test_without_declared_bounds_a_person_may_go_beyond_and_everup_may_not() -> None:
    assert isinstance(ask(SPREAD, OUT, Amount(9)), Change)
    assert refused(ask(SPREAD, OUT, Amount(9), is_persons=False)) is Obstacle.ABOVE_MOST


def test_without_a_declared_most_the_machine_is_not_taken_to_bear_any_number() -> None:
    two_cores = replace(THREE, borne=borne_by(2.0))
    assert isinstance(ask(SPREAD, OUT, Amount(8), two_cores), Change)
    found = ask(SPREAD, OUT, Amount(9), two_cores)
    assert refused(found) is Obstacle.ABOVE_MOST
    assert not isinstance(found, Change)
    assert "4 for each processor of this machine" in found[0].text
    declared = replace(SPREAD, has_bounds=True, min_instances=1, max_instances=20)
    assert isinstance(ask(declared, OUT, Amount(20), two_cores), Change)
    many = replace(two_cores, instances=30, leaving=tuple(f"a-{n}" for n in range(30)))
    assert isinstance(ask(SPREAD, IN, Amount(20), many), Change), "fewer is always welcome"


def test_what_a_machine_bears_goes_by_its_processors() -> None:
    assert [borne_by(n) for n in (math.nan, 0.0, 1.0, 2.0, 64.0)] == [4, 4, 4, 8, 100]


def test_by_default_one_more_and_a_fifth_more() -> None:
    more = ask(SPREAD, OUT)
    assert isinstance(more, Change)
    assert more.step.parameters == {INSTANCES: 4, BEFORE: 3}
    large = replace(THREE, memory_limit_bytes=1000 * MIB)
    for scale, wanted in ((THREE, 200 * MIB), (large, 1200 * MIB)):
        grown = ask(SPREAD, UP, scale=scale)
        assert isinstance(grown, Change)
        assert grown.step.parameters[MEMORY] == wanted
    unlimited = replace(THREE, memory_limit_bytes=math.inf)
    assert refused(ask(SPREAD, UP, scale=unlimited)) is Obstacle.NO_LIMIT


def test_the_dead_go_first_then_the_sick_then_the_highest() -> None:
    copies = [up("a", n) for n in range(4)]
    ended = replace(copies[0].instance, state=InstanceState.EXITED)
    watched = seen(replace(copies[0], instance=ended), *copies[1:])
    scale = scale_of(SPREAD, watched.services["a"], ServiceState(), sick=("a-2",))
    assert scale.leaving == ("a-0", "a-2", "a-3", "a-1")
    assert (scale.instances, scale.running) == (4, 3)
    fewer = ask(SPREAD, IN, Amount(2), scale)
    assert isinstance(fewer, Change)
    assert fewer.step.parameters[LEAVING] == "a-0,a-2"


def test_a_process_never_takes_the_port_of_another() -> None:
    web = service("web", port=9000, spread=Spread.CLIENT)
    other = service("other", port=9002)
    one = ServiceScale(1, 1, 1, ("web-0",))
    for count, is_free in ((2, True), (3, False)):
        found = change(Ask(OUT, Amount(count)), web, one, stack(web, other), SETTINGS)
        assert isinstance(found, Change) is is_free


def test_what_is_not_as_declared_can_be_kept_as_a_file() -> None:
    spec = replace(SPREAD, instances=1, limits=Limits(64 * MIB))
    text = override([(spec, THREE)])
    assert "scale: 3" in text
    assert "mem_limit: 104857600b" in text
    assert "deploy.replicas" in text  # beside another scale Compose would refuse the file
    (changed,) = yaml.safe_load(text)["services"].values()
    assert {"scale", "mem_limit"} <= set(changed)
    same = replace(spec, instances=3, limits=Limits(100 * MIB, 1.0))
    assert override([(same, THREE)]) == ""


COUNTS = st.integers(1, 12)
SIZES = st.one_of(st.just(math.inf), st.integers(6, 4000).map(lambda n: n * MIB))


@given(now=COUNTS, wanted=COUNTS, least=COUNTS, most=COUNTS, is_persons=st.booleans())
def test_no_step_leaves_the_bounds_and_its_undo_leads_back(
    now: int, wanted: int, least: int, most: int, *, is_persons: bool
) -> None:
    least, most = sorted((least, most))
    spec = replace(SPREAD, has_bounds=True, min_instances=least, max_instances=most)
    scale = ServiceScale(now, now, now, tuple(f"a-{n}" for n in reversed(range(now))))
    found = ask(spec, None, Amount(wanted), scale, is_persons=is_persons)
    if not isinstance(found, Change):
        return
    parameters = found.step.parameters
    assert least <= int(parameters[INSTANCES]) <= most
    assert int(parameters[INSTANCES]) == wanted != now
    leaving = [n for n in str(parameters.get(LEAVING, "")).split(",") if n]
    assert len(leaving) == max(0, now - wanted)
    undo = undo_of(found.step, "act-1")
    assert undo is not None
    assert (undo.parameters[INSTANCES], undo.parameters[BEFORE]) == (now, wanted)
    assert undo_of(undo, "act-2") is None, "an undo is not undone"


@given(before=SIZES, after=SIZES, used=st.integers(1, 5000).map(lambda n: n * MIB))
def test_memory_never_shrinks_below_what_is_used(before: float, after: float, used: float) -> None:
    scale = replace(THREE, memory_limit_bytes=before, memory_most_bytes=min(used, before))
    found = ask(SPREAD, None, Amount(memory_bytes=after), scale)
    if isinstance(found, Change):
        assert after >= scale.memory_most_bytes * 1.15
        assert (found.step.kind is UP) is (after > before)
