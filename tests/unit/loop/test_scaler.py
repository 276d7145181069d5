"""Scaling in the loop, on a virtual clock: followed out and in, said only, silenced, held."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.context import local_time
from everup.loop.control import Control
from everup.loop.fold import fold_all
from everup.loop.fold_scaling import CHOICES_MOST
from everup.loop.scaler_may import planned
from everup.model import entries as e
from everup.model.decision import Check
from everup.model.kinds import ActionKind, Mode, Origin
from everup.model.request import Request, Verb
from everup.model.scaling import INSTANCES, Amount, ScalingChoice, Spread
from everup.model.settings import Settings
from everup.model.sizing import Planned, ScalingSpec
from everup.model.state import ServiceState, StackState
from everup.model.window import Window
from everup.runtimes.simulated.nature import Nature
from everup.simulation.virtual_clock import EPOCH_S
from tests.unit.loop.scaler_world import CALM, CAPACITY, WEB, ScalerWorld, web

MIDDLE = 160.0
HOUR_S = 3600.0


def wave(t: float) -> float:
    return MIDDLE * (1.0 + 0.7 * math.sin(2 * math.pi * t / 5400.0))


def lived(world: ScalerWorld, for_s: float = 2.5 * HOUR_S, **more: object) -> ScalerWorld:
    world.run(lambda: world.live(for_s, **more))  # type: ignore[arg-type]
    return world


def step_at(at_s: float, before: float, after: float) -> Callable[[float], float]:
    return lambda t: before if t < at_s else after


def test_it_follows_a_demand_out_and_in_within_its_bounds() -> None:
    world = lived(ScalerWorld(wave))
    kinds = set(world.did())
    assert kinds == {ActionKind.SCALE_OUT, ActionKind.SCALE_IN}
    intents = world.of(e.Intended)
    assert {entry.origin for entry in intents} == {Origin.SCALING}
    for entry in intents:
        assert 1 <= int(entry.step.parameters[INSTANCES]) <= 8
    assert all(entry.has_passed for entry in world.of(e.Verified))
    after = [(t, count) for t, count in world.counts if t > HOUR_S]
    short = [t for t, count in after if wave(t) > count * CAPACITY]
    assert not short, "it is always there in time for a wave"
    assert min(count for _, count in after) <= 2
    assert max(count for _, count in after) >= 4
    state = fold_all(StackState(), world.journal.kept)
    assert state.services[WEB].owed_undo is None
    assert 0 < len(state.scaled) <= CHOICES_MOST


def test_in_mode_observe_it_only_says_so_and_not_too_often() -> None:
    world = lived(ScalerWorld(wave, mode=Mode.OBSERVE, instances=5), 3 * HOUR_S)
    assert world.did() == []
    assert world.instances == 5
    answers = world.of(e.GateAnswered)
    assert answers
    assert {answer.check for answer in answers} == {Check.MODE}
    assert len(answers) <= 2, "one for each direction"
    decided = world.of(e.ScalingDecided)
    assert decided
    window_s = CALM.scale_down_window_s
    times = [entry.at_s for entry in decided]
    assert all(b - a >= window_s for a, b in pairwise(times))
    assert len(decided) <= 3 * HOUR_S / window_s


def test_a_number_that_stays_right_is_written_once() -> None:
    world = lived(ScalerWorld(lambda _: 20.0, mode=Mode.OBSERVE, instances=4), 3 * HOUR_S)
    assert len(world.of(e.ScalingDecided)) <= 3


def test_switched_off_it_is_silent() -> None:
    off = replace(CALM, auto_scaling_enabled=False)
    world = lived(ScalerWorld(lambda _: 185.0, settings=off), HOUR_S)
    assert world.of(e.ScalingDecided) == []
    assert world.did() == []
    assert world.control.scaler.opinions == {}


@pytest.mark.parametrize("changes", [{"has_bounds": False}, {"spread": Spread.NONE}])
def test_without_its_owners_word_the_number_stays(changes: dict[str, Any]) -> None:
    world = lived(ScalerWorld(lambda _: 160.0, **changes), HOUR_S)
    assert world.did() == []
    assert world.instances == 2
    opinion = world.control.scaler.opinions[WEB]
    assert not opinion.may_count
    assert opinion.choice.instances == 2


def test_a_stateful_service_keeps_its_number() -> None:
    world = lived(ScalerWorld(wave, is_stateful=True), HOUR_S)
    assert not {ActionKind.SCALE_OUT, ActionKind.SCALE_IN} & set(world.did())


def test_a_source_that_dies_at_a_peak_removes_nothing_and_it_resumes() -> None:
    world = ScalerWorld(wave)
    counts: list[int] = []

    def dies(_: Control) -> None:
        world.is_counted = False

    def comes_back(control: Control) -> None:
        counts.append(world.instances)
        assert "seen" in control.scaler.opinions[WEB].plan.text
        world.is_counted = True

    peak_s = 5400.0 + 5400.0 / 4
    lived(world, peak_s + 2 * HOUR_S, at=((peak_s, dies), (peak_s + 2500.0, comes_back)))
    before = max(count for t, count in world.counts if peak_s - 60 < t <= peak_s)
    assert counts[0] >= before, "the wave has gone, and nobody has seen it"
    during = [count for t, count in world.counts if peak_s < t <= peak_s + 2500.0]
    assert min(during) >= before
    assert min(count for t, count in world.counts if t > peak_s + 2500.0) < before


def test_a_persons_number_is_not_lowered_for_its_time() -> None:
    world = ScalerWorld(lambda _: 30.0)
    asked = Request(Verb.SCALE, "somebody", WEB, amount=Amount(instances=6))
    lived(world, 2 * HOUR_S, at=((900.0, lambda control: control.request(asked)),))
    by_hand = [t for t, count in world.counts if count == 6 and t > 900.0]
    assert max(by_hand) - min(by_hand) > 0.9 * CALM.scale_hand_s
    assert world.instances == 1, "and then it is as any other"


def test_a_freeze_and_a_stop_hold_it() -> None:
    world = ScalerWorld(step_at(900.0, 30.0, 180.0))
    frozen = Request(Verb.FREEZE, "somebody", WEB, for_s=1200.0)
    lived(world, HOUR_S, at=((600.0, lambda control: control.request(frozen)),))
    begun = [entry.at_s - EPOCH_S for entry in world.of(e.Intended)]
    assert not [t for t in begun if 600.0 < t < 1800.0]
    assert [t for t in begun if t >= 1800.0]
    stopped = ScalerWorld(step_at(900.0, 30.0, 180.0))
    wish = Request(Verb.STOP, "somebody", WEB)
    lived(stopped, HOUR_S, at=((600.0, lambda control: control.request(wish)),))
    after = [entry for entry in stopped.of(e.Intended) if entry.at_s - EPOCH_S > 599.0]
    assert {entry.origin for entry in after} == {Origin.PERSON}


def test_nothing_is_scaled_while_a_recovery_of_it_is_under_way() -> None:
    world = ScalerWorld(step_at(1500.0, 30.0, 180.0), instances=2)
    for instance in world.world.instances(WEB):
        world.loop.call_later(1490.0, world.world.die, instance, 1)
    lived(world, HOUR_S)
    open_s: dict[str, float] = {}
    for entry in world.journal.kept:
        if isinstance(entry, e.Intended):
            assert not open_s, f"{entry.step.kind} while another one is open"
            open_s[entry.action_id] = entry.at_s
        elif isinstance(entry, e.Verified):
            open_s.pop(entry.action_id)
    assert ActionKind.SCALE_OUT in world.did()
    assert any(entry.origin is Origin.RECOVERY for entry in world.of(e.Intended))


def test_limits_that_a_person_gave_are_not_taken_back_at_once() -> None:
    smaller = Request(Verb.SCALE, "Ann", WEB, amount=Amount(memory_bytes=300.0 * 1024**2))
    world = ScalerWorld(lambda _: 20.0)
    lived(world, 1500.0, at=((300.0, lambda control: control.request(smaller)),))
    assert ActionKind.SCALE_DOWN in world.did()
    assert ActionKind.SCALE_UP not in world.did()


def test_what_is_planned_is_there_in_time() -> None:
    always = ScalingSpec(latency_target_s=0.05, planned=(Planned(Window(0, 24 * 60), 4),))
    world = lived(ScalerWorld(lambda _: 20.0, scaling=always), 900.0)
    assert world.instances == 4


def test_what_is_planned_is_ordered_as_long_before_as_a_start_was_seen_to_take() -> None:
    at_s = EPOCH_S - EPOCH_S % 60.0
    known = ServiceState(startups_s=(180.0,) * 5)  # 216 s, and the window of its proof
    control = SimpleNamespace(
        wall_ahead_s=lambda: 0.0, settings=Settings(), state=StackState(services={WEB: known})
    )
    minute, _ = local_time(cast(Any, control), at_s + 180.0)
    plan = (Planned(Window(minute, minute + 1), 4),)
    spec = web(scaling=ScalingSpec(planned=plan), start_period_s=0.0)
    assert planned(cast(Any, control), cast(Any, SimpleNamespace(at_s=at_s)), spec) == 4
    control.state = StackState()
    assert planned(cast(Any, control), cast(Any, SimpleNamespace(at_s=at_s)), spec) == 0


def test_slow_answers_that_more_instances_do_not_help_are_undone() -> None:
    """What it waits for is elsewhere: another one of it is no faster."""
    slow = Nature(boot_s=2.0, warm_up_s=0.0, latency_s=0.2, capacity_rps=CAPACITY, demand_rps=1.0)
    world = lived(ScalerWorld(lambda _: 20.0, nature=slow), HOUR_S)
    failed = [entry for entry in world.of(e.Verified) if not entry.has_passed]
    assert failed
    assert "no faster" in failed[0].reason
    undone = [entry for entry in world.of(e.Intended) if entry.step.undoes]
    assert undone
    assert len(world.did()) <= 16, "it is tried again with growing waits"


def test_a_flaw_in_sizing_keeps_nobody_from_being_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ScalerWorld(lambda _: 30.0)
    faults: list[str] = []

    def breaks(*_: object) -> None:
        raise ZeroDivisionError("a flaw")

    def ends(control: Control) -> None:
        faults.append(control.scaler.fault)
        control.mishaps.total.clear()
        monkeypatch.undo()

    monkeypatch.setattr("everup.auto_scaler.scaler.ServiceScaler.think", breaks)
    world.loop.call_later(300.0, lambda: world.world.die(world.world.instances(WEB)[0], 1))
    lived(world, 1200.0, at=((900.0, ends),))
    assert "a flaw" in faults[0]
    assert any(entry.origin is Origin.RECOVERY for entry in world.of(e.Intended))
    assert world.control.scaler.fault == ""
    assert world.control.scaler.opinions


def test_what_should_be_is_folded_and_bounded() -> None:
    choice = ScalingChoice(2, 3, "forecast", "2 to 3")
    many = [e.ScalingDecided(float(at), WEB, replace(choice, floor=at)) for at in range(300)]
    state = fold_all(StackState(), many)
    assert len(state.scaled) == CHOICES_MOST
    assert state.scaled[-1].choice.floor == 299
    assert state.scaled[-1].service == WEB
