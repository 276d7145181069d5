"""What people are told follows from the journal: once, in one thread, over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from everup.loop.fold import fold_all
from everup.loop.owed import FOLLOW_UP_MOST_S, OwnFault, owed, owed_of_us
from everup.loop.threads import OVER_MOST, RESUMES_WITHIN_S, THREADS_MOST
from everup.model import entries as e
from everup.model.approval import ApprovalState
from everup.model.kinds import ActionKind, Cause, Purpose
from everup.model.notice import TOLD_BY_DEFAULT, Message, Occasion
from everup.model.state import StackState
from tests.unit.builders import NOW_S, SETTINGS

ALL = frozenset(Occasion)
STARTED = e.ControllerStarted(NOW_S - 100, "1", "d")
OPENED = e.IncidentOpened(NOW_S, "inc-1", "a", Cause.CRASH, "died")
ESCALATED = e.IncidentEscalated(NOW_S + 60, "inc-1", "a", "nothing helped")
RESOLVED = e.IncidentResolved(NOW_S + 60, "inc-1", "a", "healed")
ANSWERED = e.PersonAnswered(NOW_S + 90, "a", "it is healthy again")
BLIND = e.MonitorFaultSeen(NOW_S, "the canary is silent")
LONG = NOW_S + SETTINGS.freeze_notify_s


def told(message: Message, notifier: str = "n", **changes: object) -> e.Notified:
    thread = message.thread.partition("/")[2]
    found = e.Notified(message.at_s, message.key, thread, notifier, message.occasion)
    return replace(found, **changes)  # type: ignore[arg-type]


def asked(
    entries: Sequence[e.Entry],
    now_s: float = NOW_S + 100,
    on: frozenset[Occasion] = TOLD_BY_DEFAULT,
    notifier: str = "n",
) -> list[Message]:
    return owed("s", fold_all(StackState(), entries), SETTINGS, now_s, notifier, on)


def test_an_escalation_is_told_once_with_its_case() -> None:
    (message,) = asked([STARTED, OPENED, ESCALATED])
    assert (message.occasion, message.text) == (Occasion.ESCALATED, "nothing helped")
    assert message.key == "s/inc-1/escalated"
    assert not message.is_follow_up
    assert asked([STARTED, OPENED, ESCALATED, told(message)]) == []
    assert asked([STARTED, OPENED, ESCALATED, told(message), STARTED]) == []


def test_it_is_told_long_after_when_nobody_could_before() -> None:
    assert len(asked([OPENED, ESCALATED], now_s=NOW_S + 30 * 86400)) == 1


def test_each_notifier_is_told_by_itself() -> None:
    (message,) = asked([OPENED, ESCALATED])
    entries: list[e.Entry] = [OPENED, ESCALATED, told(message, "other")]
    assert len(asked(entries)) == 1
    assert asked(entries, notifier="other") == []


def test_a_refused_message_is_left_at_that_and_has_no_follow_up() -> None:
    (message,) = asked([OPENED, ESCALATED])
    entries: list[e.Entry] = [OPENED, ESCALATED, told(message, has_arrived=False, error="400")]
    assert asked(entries) == []
    assert asked([*entries, ANSWERED]) == []


def test_whoever_was_told_hears_the_end_in_the_same_thread() -> None:
    (first,) = asked([OPENED, ESCALATED])
    (last,) = asked([OPENED, ESCALATED, told(first), ANSWERED])
    assert last.occasion is Occasion.RESOLVED
    assert last.thread == first.thread
    assert last.is_follow_up
    assert "healthy again" in last.title
    assert asked([OPENED, ESCALATED, told(first), ANSWERED, told(last)]) == []


def test_a_person_who_takes_it_on_is_an_end_too() -> None:
    (first,) = asked([OPENED, ESCALATED])
    wish = e.PurposeSet(NOW_S + 70, "a", Purpose.STOPPED, "Ann")
    (last,) = asked([OPENED, ESCALATED, told(first), wish])
    assert last.text == "Ann wants it stopped"


def test_an_end_nobody_was_told_the_beginning_of_is_told_only_when_asked_for() -> None:
    assert asked([OPENED, RESOLVED]) == []
    (message,) = asked([OPENED, RESOLVED], on=ALL)
    assert not message.is_follow_up
    assert asked([OPENED, RESOLVED], now_s=NOW_S + 61 + FOLLOW_UP_MOST_S, on=ALL) == []


def test_opened_then_escalated_is_one_thread() -> None:
    (first,) = asked([OPENED], on=ALL)
    (second,) = asked([OPENED, told(first), ESCALATED], on=ALL)
    assert (first.is_follow_up, second.is_follow_up) == (False, True)
    assert first.thread == second.thread


def test_blindness_is_told_when_it_lasts_and_not_before() -> None:
    assert asked([STARTED, BLIND], now_s=LONG - 1) == []
    (first,) = asked([STARTED, BLIND], now_s=LONG)
    assert first.occasion is Occasion.FROZEN
    over = e.MonitorFaultOver(LONG + 5, "the canary is silent", 605.0)
    (last,) = asked([STARTED, BLIND, told(first), over], now_s=LONG + 6)
    assert (last.is_follow_up, last.thread) == (True, first.thread)
    assert asked([STARTED, BLIND, over], now_s=LONG + 6, on=ALL) == []


def test_blindness_that_goes_on_over_a_restart_is_one() -> None:
    (first,) = asked([STARTED, BLIND], now_s=LONG)
    again = e.ControllerStarted(LONG + 10, "1", "d")
    seen_anew = e.MonitorFaultSeen(LONG + 40, "the canary is silent")
    entries: list[e.Entry] = [STARTED, BLIND, told(first), again]
    assert asked(entries, now_s=LONG + 20) == []
    assert asked([*entries, seen_anew], now_s=LONG + 10_000) == []


def test_blindness_that_a_restart_ended_is_over_after_a_while() -> None:
    (first,) = asked([STARTED, BLIND], now_s=LONG)
    again = e.ControllerStarted(LONG + 10, "1", "d")
    entries: list[e.Entry] = [STARTED, BLIND, told(first), again]
    (last,) = asked(entries, now_s=LONG + 11 + RESUMES_WITHIN_S)
    assert (last.occasion, last.is_follow_up) == (Occasion.RESOLVED, True)
    later_s = LONG + 86_400
    entries += [told(last), e.MonitorFaultSeen(later_s, "another")]
    assert asked(entries, now_s=later_s + 1) == []
    (new,) = asked(entries, now_s=later_s + SETTINGS.freeze_notify_s)
    assert new.thread != first.thread


def test_own_faults_are_told_once_each_and_their_end_to_whoever_heard() -> None:
    fault = OwnFault("journal-3-1.000", "disk full", NOW_S, waits_s=60.0)
    assert owed_of_us("s", [fault], NOW_S + 59, [], "n") == []
    (first,) = owed_of_us("s", [fault], NOW_S + 60, [], "n")
    heard = [f"n:{first.key}"]
    assert owed_of_us("s", [fault], NOW_S + 90, heard, "n") == []
    over = OwnFault(fault.id, fault.text, NOW_S, 60.0, NOW_S + 100)
    assert owed_of_us("s", [over], NOW_S + 100, [], "n") == []
    (last,) = owed_of_us("s", [over], NOW_S + 100, heard, "n")
    assert last.thread == first.thread
    assert owed_of_us("s", [over], NOW_S + 100, [*heard, f"n:{last.key}"], "n") == []


def test_threads_are_bounded_and_what_is_over_goes_first() -> None:
    entries: list[e.Entry] = []
    for number in range(OVER_MOST + 20):
        entries.append(e.IncidentOpened(NOW_S, f"x-{number}", "a", Cause.CRASH, "died"))
        entries.append(e.IncidentResolved(NOW_S, f"x-{number}", "a", "healed"))
    entries.append(OPENED)
    state = fold_all(StackState(), entries)
    assert len(state.threads) == OVER_MOST + 1
    assert "inc-1" in state.threads
    for number in range(THREADS_MOST + 20):
        entries.append(e.IncidentOpened(NOW_S, f"y-{number}", "a", Cause.CRASH, "died"))
    assert len(fold_all(StackState(), entries).threads) == THREADS_MOST


STEPS = st.lists(
    st.sampled_from(["open", "escalate", "resolve", "answer", "blind", "see", "restart", "tell"]),
    max_size=40,
)


@given(STEPS, st.sampled_from([ALL, TOLD_BY_DEFAULT]))
def test_no_key_is_ever_owed_again_once_it_was_told(
    steps: list[str], on: frozenset[Occasion]
) -> None:
    state, now_s, count = StackState(), NOW_S, 0
    keys: list[str] = []
    for step in steps:
        now_s += 400.0
        open_ids = list(state.incidents)
        entries: list[e.Entry] = []
        if step == "open":
            count += 1
            entries = [e.IncidentOpened(now_s, f"i{count}", "a", Cause.HANG, "hangs")]
        elif step == "escalate" and open_ids:
            entries = [e.IncidentEscalated(now_s, open_ids[0], "a", "case")]
        elif step == "resolve" and open_ids:
            entries = [e.IncidentResolved(now_s, open_ids[0], "a", "healed")]
        elif step == "answer":
            entries = [e.PersonAnswered(now_s, "a", "well")]
        elif step == "blind":
            entries = [e.MonitorFaultSeen(now_s, "dark")]
        elif step == "see":
            entries = [e.MonitorFaultOver(now_s, "dark", 1.0)]
        elif step == "restart":
            entries = [e.ControllerStarted(now_s, "1", "d")]
        elif step == "tell":
            messages = owed("s", state, SETTINGS, now_s, "n", on)
            keys += [message.key for message in messages]
            entries = [told(message) for message in messages]
        state = fold_all(state, entries)
        if step == "tell":
            assert owed("s", state, SETTINGS, now_s, "n", on) == []
    assert len(keys) == len(set(keys))


def question(number: int, at_s: float, incident: str | None = "inc-1") -> e.ApprovalAsked:
    return e.ApprovalAsked(
        *(at_s, f"apr-{number}", "key", "a", ActionKind.EMERGENCY_ROLLBACK),
        *("put its files back", "low: nothing needs it", "it is well", at_s + 900, incident),
        differs=("file /a.conf:", "  -bad", "  +good"),
    )


class TestAsked:
    def test_a_question_is_told_with_what_would_differ(self) -> None:
        (message,) = asked([OPENED, question(1, NOW_S + 5)])
        assert (message.occasion, message.key) == (Occasion.ASKED, "s/inc-1/asked/apr-1")
        assert "everup approve apr-1" in message.text
        assert message.text.endswith("-bad\n  +good")
        assert asked([OPENED, question(1, NOW_S + 5), told(message)]) == []
        refused = told(message, has_arrived=False)
        assert asked([OPENED, question(1, NOW_S + 5), refused]) == []

    def test_each_question_once_and_none_that_is_answered(self) -> None:
        (first,) = asked([OPENED, question(1, NOW_S + 5)])
        expired = e.ApprovalEnded(NOW_S + 50, "apr-1", ApprovalState.EXPIRED)
        entries: list[e.Entry] = [OPENED, question(1, NOW_S + 5), told(first), expired]
        assert asked(entries) == []
        (second,) = asked([*entries, question(2, NOW_S + 60)])
        assert second.key == "s/inc-1/asked/apr-2"
        yes = e.ApprovalAnswered(NOW_S + 70, "apr-2", True, "ann")
        assert asked([*entries, question(2, NOW_S + 60), yes]) == []

    def test_who_was_asked_hears_the_end(self) -> None:
        (first,) = asked([OPENED, question(1, NOW_S + 5)])
        (end,) = asked([OPENED, question(1, NOW_S + 5), told(first), RESOLVED])
        assert (end.occasion, end.is_follow_up) == (Occasion.RESOLVED, True)

    def test_without_an_incident_it_has_a_thread_of_its_own(self) -> None:
        (message,) = asked([question(1, NOW_S + 5, None)])
        assert message.thread == "s/apr-1"
        no = e.ApprovalAnswered(NOW_S + 9, "apr-1", False, "ann")
        (end,) = asked([question(1, NOW_S + 5, None), told(message), no])
        assert end.text == "ann said no"
        only_ends = frozenset({Occasion.RESOLVED})
        assert asked([question(1, NOW_S + 5, None), no], on=only_ends) == [], "it was never asked"
