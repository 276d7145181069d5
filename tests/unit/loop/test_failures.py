"""Failures that predictions are held against: which count, what named them, what was visible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everup.loop.failures import Seen, is_failure, met, well_for_s
from everup.loop.fold import fold, fold_all
from everup.loop.history_ring import HistoryRing
from everup.model import entries as e
from everup.model.accuracy import Failure
from everup.model.anomaly import Anomaly, AnomalyReason
from everup.model.assessment import Finding
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.incident import Incident
from everup.model.kinds import ActionKind, Cause, Origin, Purpose
from everup.model.observation import Exit, Observation
from everup.model.prediction import PredictionEnding
from everup.model.state import PastAction, ServiceState, StackState
from tests.unit.builders import NOW_S, SETTINGS, dead, seen, service, stack

ONE = stack(service("a"))
DIED = seen(dead("a"))
OPENED = e.IncidentOpened(NOW_S, "inc-1", "a", Cause.CRASH, "it died", (), NOW_S - 2.0)


def ring(*, up_s: float = 600.0, climbs: bool = False) -> HistoryRing:
    found = HistoryRing(("a",), slots=240, interval_s=5.0, gap_s=90.0)
    for step in range(int(up_s / 5.0)):
        values = np.full((len(SIGNALS), 1), np.nan, dtype=np.float32)
        values[INDEX[Signal.INSTANCES_UP]] = 1.0
        values[INDEX[Signal.PROBE_OK]] = 1.0
        values[INDEX[Signal.MEMORY_RATIO]] = 0.4 + (0.005 * step if climbs else 0.0)
        found.append(NOW_S - up_s + 5.0 * step, values)
    return found


def failures(
    *entries: e.Entry,
    state: StackState | None = None,
    observation: Observation = DIED,
    past: HistoryRing | None = None,
    what: object = ONE,
) -> list[Failure]:
    finding = Finding("a", Cause.CRASH, "it died", NOW_S - 2.0, 0.0)
    where = Seen(
        what,  # type: ignore[arg-type]
        observation,
        {"a": finding},
        ring() if past is None else past,
        state or StackState(),
        SETTINGS,
    )
    return met(where, entries, {"a": 0.3})


def test_an_incident_that_nothing_foretold_is_a_miss_with_what_was_visible() -> None:
    (found,) = failures(OPENED, past=ring(climbs=True))
    assert (found.service, found.cause, found.at_s) == ("a", Cause.CRASH, NOW_S - 2.0)
    assert (found.prediction_id, found.left_out, found.probability) == ("", "", 0.3)
    assert not found.is_foreseen
    (memory,) = [one for one in found.visible if one.signal == "memory_ratio"]
    assert memory.last > memory.first + 0.2
    assert {one.signal for one in found.visible} == {"memory_ratio", "probe_ok", "instances_up"}


def foretold(at_s: float) -> StackState:
    entry = e.PredictionMade(
        at_s, "pre-1", "a", Cause.LEAK, 0.8, NOW_S, NOW_S, ("it climbs",), "m", horizon_s=900.0
    )
    return fold(StackState(), entry)


def test_an_open_prediction_has_foreseen_it() -> None:
    (found,) = failures(OPENED, state=foretold(NOW_S - 302.0))
    assert (found.prediction_id, found.lead_s, found.is_foreseen) == ("pre-1", 300.0, True)
    assert found.probability == 0.8
    (early,) = failures(OPENED, state=foretold(NOW_S - 1000.0))
    assert (early.is_foreseen, early.is_early) == (False, True)


def test_one_that_was_thought_averted_has_foreseen_it_too() -> None:
    averted = e.PredictionSettled(
        NOW_S - 100.0, "pre-1", "a", Cause.LEAK, PredictionEnding.AVERTED, "cleared"
    )
    (found,) = failures(OPENED, state=fold(foretold(NOW_S - 302.0), averted))
    assert found.is_foreseen


def test_a_forewarning_that_turns_into_a_failure_is_one() -> None:
    known = Incident("inc-1", "a", Cause.LEAK, "it climbs", NOW_S - 200.0)
    state = StackState(incidents={"inc-1": known})
    changed = e.IncidentChanged(NOW_S, "inc-1", Cause.CRASH, "it died")
    assert [f.incident_id for f in failures(changed, state=state)] == ["inc-1"]
    other = replace(known, cause=Cause.HANG)
    assert failures(changed, state=StackState(incidents={"inc-1": other})) == []


@pytest.mark.parametrize("cause", [Cause.LEAK, Cause.SLOW, Cause.STOPPED_ON_PURPOSE])
def test_what_is_no_failure(cause: Cause) -> None:
    assert failures(replace(OPENED, cause=cause)) == []


def test_failures_soon_after_one_are_the_same_one() -> None:
    (first,) = failures(OPENED)
    state = fold(StackState(), e.FailureMet(NOW_S, "a", first))
    assert failures(OPENED, state=state) == []
    long_ago = replace(first, at_s=NOW_S - 2000.0)
    state = fold(StackState(), e.FailureMet(NOW_S, "a", long_ago))
    assert len(failures(OPENED, state=state)) == 1


def test_a_death_that_the_engine_mended_counts_as_well() -> None:
    killed = seen(dead("a"), exits=(Exit(NOW_S - 40.0, 137, is_out_of_memory=True),))
    (found,) = failures(observation=killed)
    assert (found.at_s, found.cause) == (NOW_S - 40.0, Cause.CRASH)


@pytest.mark.parametrize(
    ("death", "counts"),
    [
        (Exit(NOW_S, 1), True),
        (Exit(NOW_S, 137, is_out_of_memory=True, was_witnessed=False), True),
        (Exit(NOW_S, 0), False),
        (Exit(NOW_S, 143), False),
        (Exit(NOW_S, None), False),
        (Exit(NOW_S, 1, asked="docker restart"), False),
        (Exit(NOW_S, 137, was_witnessed=False), False),
    ],
)
def test_which_deaths_are_failures(death: Exit, counts: bool) -> None:
    assert is_failure(death) is counts


def past_action(ended_s: float) -> StackState:
    action = PastAction(
        *("act-1", "a", ActionKind.CONTAINER_RESTART, Origin.PERSON, Cause.REQUESTED),
        *(ended_s - 5.0, ended_s, True, True),
    )
    return StackState(services={"a": ServiceState(past=(action,))})


def test_what_no_look_could_have_foreseen_is_left_out_by_name() -> None:
    changed = replace(DIED, changes={"a": NOW_S - 60.0})
    for found, why in (
        (failures(replace(OPENED, cause=Cause.DEPENDENCY_DOWN)), "what it needs had failed"),
        (failures(replace(OPENED, cause=Cause.BAD_DEPLOY)), "a change explains it"),
        (failures(OPENED, observation=changed), "somebody had just changed it"),
        (failures(OPENED, state=past_action(NOW_S - 30.0)), "something had just been done to it"),
        (failures(OPENED, past=ring(up_s=30.0)), "it had not run well for long enough"),
    ):
        assert [f.left_out for f in found] == [why]


def test_nobody_is_expected_to_foresee_a_wish_or_a_job() -> None:
    stopped = StackState(services={"a": ServiceState(purpose=Purpose.STOPPED)})
    assert failures(OPENED, state=stopped) == []
    assert failures(OPENED, what=stack(service("a", is_one_shot=True))) == []
    assert failures(replace(OPENED, service="gone")) == []


def test_how_long_it_ran_well() -> None:
    assert well_for_s(ring(up_s=600.0), "a", NOW_S) == 600.0
    assert well_for_s(ring(up_s=600.0), "nobody", NOW_S) == 0.0
    broken = ring(up_s=600.0)
    values = np.full((len(SIGNALS), 1), np.nan, dtype=np.float32)
    values[INDEX[Signal.INSTANCES_UP]] = 0.0
    broken.append(NOW_S, values)
    assert well_for_s(broken, "a", NOW_S + 1.0) == 601.0, "the last one has met the failure"
    values = values.copy()
    values[INDEX[Signal.INSTANCES_UP]] = 1.0
    broken.append(NOW_S + 5.0, values)
    assert well_for_s(broken, "a", NOW_S + 6.0) == 1.0


def test_the_fold_counts_for_ever_and_keeps_the_latest() -> None:
    (found,) = failures(OPENED)
    state = fold_all(StackState(), [e.FailureMet(NOW_S, "a", found)] * 300)
    assert state.accounts.failures == {"missed": 300}
    assert len(state.accounts.latest) == 200


def test_what_was_noticed_of_it_in_the_hour_before_is_told() -> None:
    why = (AnomalyReason("cpu_ratio", "shift_48", 4.0, 0.9),)
    told = tuple(
        Anomaly(name, NOW_S - before_s, 3.4, 3.0, True, why)
        for name, before_s in (("a", 9000.0), ("b", 600.0), ("a", 602.0))
    )
    (found,) = failures(OPENED, state=StackState(anomalies=told))
    assert found.anomalies == ("cpu_ratio unusual 10 min before",)
