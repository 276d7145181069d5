"""What would have been done, how it ended, who was right, and how long to wait next time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.automated_recovery import propose
from everup.automated_recovery.patience import patience_s
from everup.loop import episodes
from everup.loop.fold import fold, fold_all
from everup.loop.fold_incidents import NATURAL_ENDS_MOST
from everup.loop.look import Decision
from everup.model import entries as e
from everup.model.decision import Hold, HoldReason, Proposal
from everup.model.episode import Ending, Hindsight, WouldDo, quantile
from everup.model.incident import Attempt
from everup.model.kinds import ActionKind, Cause, Mode, Origin, Purpose
from everup.model.observation import Observation
from everup.model.state import Memory, PastAction, ServiceMemory, ServiceState, StackState
from everup.safety import judge
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    context,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)

WATCHED = stack(service("a"), mode=Mode.OBSERVE)
OPENED = e.IncidentOpened(NOW_S - 40, "inc-1", "a", Cause.CRASH, "died", seen_at_s=NOW_S - 41)
WOULD = e.WouldHaveDone(
    NOW_S - 39, "k", "inc-1", "a", Cause.CRASH, ActionKind.CONTAINER_RESTART, "died"
)
RESOLVED = e.IncidentResolved(NOW_S, "inc-1", "a", "whatever")
ESCALATED = e.IncidentEscalated(NOW_S, "inc-1", "a", "case")
RIGHT, WRONG, UNKNOWN = Hindsight.RIGHT, Hindsight.WRONG, Hindsight.UNKNOWN


def decided(what: object, observation: Observation, state: StackState) -> Decision:
    assessment = assess(what, observation, state)  # type: ignore[arg-type]
    memory = settled_memory(what)  # type: ignore[arg-type]
    (answer,) = propose(what, observation, assessment, state, memory, SETTINGS)  # type: ignore[arg-type]
    assert isinstance(answer, Proposal)
    verdict = judge(answer, context(what, observation, state))  # type: ignore[arg-type]
    return Decision("a", proposal=answer, verdict=verdict)


def told(what: object, state: StackState) -> list[e.Entry]:
    observation = seen(dead("a"))
    decision = decided(what, observation, state)
    return episodes.would_have_done(decision, state, lambda: context(what, observation, state))  # type: ignore[arg-type]


def test_a_proposal_that_only_the_mode_refuses_is_kept_once() -> None:
    state = fold(StackState(), OPENED)
    (entry,) = told(WATCHED, state)
    assert isinstance(entry, e.WouldHaveDone)
    assert (entry.service, entry.kind, entry.incident_id) == (
        "a",
        ActionKind.CONTAINER_RESTART,
        "inc-1",
    )
    assert told(WATCHED, fold(state, entry)) == []


def test_what_another_check_would_stop_too_is_not_kept() -> None:
    opened = fold(StackState(), OPENED)
    assert told(stack(service("a")), opened) == []  # mode auto: it is done, or delayed
    observation = seen(dead("a"))
    decision = decided(WATCHED, observation, opened)
    blind = context(WATCHED, observation, opened, memory=Memory())
    assert episodes.would_have_done(decision, opened, lambda: blind) == []


def ended(
    state: StackState,
    entry: e.Entry = RESOLVED,
    observation: Observation | None = None,
    healthy_s: float = NOW_S - 10,
) -> e.EpisodeEnded:
    observation = observation or seen(up("a"))
    memory = Memory({"a": ServiceMemory(healthy_since_s=healthy_s)})
    found = assess(WATCHED, observation, state)
    (episode,) = episodes.ended([entry], WATCHED, observation, found, state, memory, SETTINGS)
    assert isinstance(episode, e.EpisodeEnded)
    return episode


STATE = fold_all(StackState(), [OPENED, WOULD])


def attempted(origin: Origin, result: str) -> StackState:
    (incident,) = STATE.incidents.values()
    attempt = Attempt("act-1", ActionKind.CONTAINER_RESTART, NOW_S - 30, result)
    kind = ActionKind.CONTAINER_RESTART
    past = PastAction("act-1", "a", kind, origin, Cause.CRASH, NOW_S - 30, NOW_S, True, False)
    known = replace(STATE.service("a"), past=(past,))
    incident = replace(incident, attempts=(attempt,))
    return replace(STATE, incidents={"inc-1": incident}, services={"a": known})


def test_a_natural_end_is_measured_from_onset_to_health() -> None:
    episode = ended(STATE)
    assert episode.ending is Ending.BY_ITSELF
    assert episode.lasted_s == 31
    assert episode.hindsight is RIGHT
    assert episode.proposed == (WouldDo("k", ActionKind.CONTAINER_RESTART, NOW_S - 39),)


@pytest.mark.parametrize(
    ("state", "entry", "changed_s", "ending", "hindsight"),
    [
        (attempted(Origin.PERSON, "passed"), RESOLVED, None, Ending.BY_A_PERSON, RIGHT),
        (attempted(Origin.RECOVERY, "passed"), RESOLVED, None, Ending.HEALED, RIGHT),
        (attempted(Origin.RECOVERY, "failed"), RESOLVED, None, Ending.UNCLEAR, UNKNOWN),
        (STATE, ESCALATED, None, Ending.ESCALATED, UNKNOWN),
        (STATE, RESOLVED, NOW_S - 45, Ending.CHANGE, WRONG),
        (STATE, RESOLVED, NOW_S - 20, Ending.BY_A_PERSON, RIGHT),
        (STATE, RESOLVED, NOW_S - 500, Ending.BY_ITSELF, RIGHT),
        (
            fold(STATE, e.PurposeSet(NOW_S, "a", Purpose.STOPPED, "ann")),
            RESOLVED,
            None,
            Ending.WISH,
            WRONG,
        ),
    ],
)
def test_endings(
    state: StackState,
    entry: e.Entry,
    changed_s: float | None,
    ending: Ending,
    hindsight: Hindsight,
) -> None:
    observation = seen(up("a"))
    if changed_s is not None:
        observation = replace(observation, changes={"a": changed_s})
    episode = ended(state, entry, observation)
    assert (episode.ending, episode.hindsight) == (ending, hindsight)


def test_every_diagnosis_on_the_way_is_kept_the_first_one_first() -> None:
    changed = e.IncidentChanged(NOW_S - 20, "inc-1", Cause.CRASH_LOOP, "again")
    state = fold_all(STATE, [changed, changed])
    episode = ended(state)
    assert (episode.cause, episode.further_causes) == (Cause.CRASH, (Cause.CRASH_LOOP,))
    assert fold(state, episode).service("a").diagnoses == ()


def test_a_victim_would_have_been_hurt_for_nothing() -> None:
    what = stack(service("a", "b"), service("b"), mode=Mode.OBSERVE)
    observation = seen(failing("a"), dead("b"))
    found = assess(what, observation, STATE)
    (episode,) = episodes.ended([RESOLVED], what, observation, found, STATE, Memory(), SETTINGS)
    assert isinstance(episode, e.EpisodeEnded)
    assert (episode.ending, episode.hindsight) == (Ending.VICTIM, WRONG)


@pytest.mark.parametrize(("proven_s", "hindsight"), [(5.0, WRONG), (10.0, WRONG), (11.0, RIGHT)])
def test_by_itself_sooner_than_the_action_could_is_wrong(
    proven_s: float, hindsight: Hindsight
) -> None:
    would = WouldDo("k", ActionKind.GRACEFUL_RESTART, 100.0)
    assert episodes.judged(Ending.BY_ITSELF, would, 100.0 + proven_s, 10.0)[0] is hindsight


def test_what_an_action_usually_takes_is_learned_per_kind() -> None:
    kind = ActionKind.CONTAINER_RESTART
    past = tuple(
        PastAction(f"a{n}", "a", kind, Origin.RECOVERY, Cause.CRASH, 0, took, True, False)
        for n, took in enumerate((20.0, 30.0, 90.0))
    )
    assert episodes.usual_heal_s(WouldDo("k", kind, 0), ServiceState(past=past), 10) == 30
    other = WouldDo("k", ActionKind.GRACEFUL_RESTART, 0)
    assert episodes.usual_heal_s(other, ServiceState(past=past), 10) == 10


def natural(
    lasted_s: float, ending: Ending = Ending.BY_ITSELF, cause: Cause = Cause.HANG
) -> e.EpisodeEnded:
    return e.EpisodeEnded(NOW_S, "inc", "a", cause, NOW_S - lasted_s, lasted_s, ending)


def test_only_natural_ends_are_learned_bounded_and_forgotten_when_they_cease() -> None:
    state = fold_all(StackState(), [natural(float(n)) for n in range(40)])
    ends = state.service("a").natural_ends["hang"]
    assert ends == tuple(float(n) for n in range(40 - NATURAL_ENDS_MOST, 40))
    two = replace(natural(3.0), further_causes=(Cause.UNHEALTHY, Cause.HANG))
    assert fold(state, two).service("a").natural_ends["unhealthy"] == (3.0,)
    assert fold(state, two).service("a").natural_ends["hang"] == (*ends[1:], 3.0)
    for ending in set(Ending) - {Ending.BY_ITSELF, Ending.HEALED}:
        assert fold(state, natural(1.0, ending)).service("a").natural_ends["hang"] == ends
    state = fold_all(state, [natural(1.0, Ending.HEALED)] * NATURAL_ENDS_MOST)
    assert state.service("a").natural_ends == {}


@pytest.mark.parametrize(
    ("ends", "cause", "expected_s"),
    [
        ((10.0,) * 4, Cause.HANG, 0.0),
        ((10.0, 20.0, 30.0, 40.0, 50.0), Cause.HANG, 50.0),
        ((1000.0,) * 5, Cause.HANG, 300.0),
        ((1000.0,) * 5, Cause.CRASH, 0.0),
        ((15.0,) * 5, Cause.CRASH, 15.0),
    ],
)
def test_patience(ends: tuple[float, ...], cause: Cause, expected_s: float) -> None:
    assert patience_s(ends, cause, SETTINGS) == expected_s


LENGTHS = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


@given(LENGTHS, st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-6
    assert sum(v < found for v in values) < share * len(values) + 1e-6


@given(LENGTHS)
def test_patience_is_never_longer_than_its_bound_nor_than_the_longest(ends: list[float]) -> None:
    wait_s = patience_s(ends, Cause.HANG, SETTINGS)
    assert 0 <= wait_s <= min(SETTINGS.natural_wait_most_s, max(ends))


def test_the_first_action_waits_for_the_usual_natural_end_and_no_longer() -> None:
    what = stack(service("a"))
    state = fold_all(
        StackState(), [natural(n, cause=Cause.UNHEALTHY) for n in (40, 50, 60, 70, 80)]
    )

    def answer(for_s: float, state: StackState) -> object:
        observation = seen(failing("a", for_s=for_s))
        found = assess(what, observation, state)
        return propose(what, observation, found, state, settled_memory(what), SETTINGS)[0]

    held = answer(79, state)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.MAY_HEAL_BY_ITSELF
    assert held.until_s == NOW_S + 1
    assert "5 times" in held.text
    assert isinstance(answer(80, state), Proposal)
    assert isinstance(answer(79, StackState()), Proposal)
    tried = attempted(Origin.RECOVERY, "failed")
    known = replace(tried.service("a"), natural_ends=state.service("a").natural_ends, past=())
    assert isinstance(answer(79, replace(tried, services={"a": known})), Proposal)
