"""What a reader with a fresh eye has found, each as the smallest case that shows it."""

from __future__ import annotations

from dataclasses import replace

from everup.automated_recovery import propose
from everup.automated_recovery.propose import Decided
from everup.loop.fold import fold_all
from everup.loop.readings import Usage, fold_usage
from everup.loop.verify import judge_expectation
from everup.model import entries as e
from everup.model.assessment import Finding
from everup.model.decision import Allowed, Delayed, Escalate, Expectation, Proposal, Step
from everup.model.evidence import Passed, Sighting
from everup.model.incident import Attempt, Incident
from everup.model.kinds import (
    ActionKind,
    Cause,
    Condition,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.model.observation import Exit, Heard, Instance, InstanceObservation
from everup.model.state import InFlight, PastAction, Phase, ServiceState, StackState
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

ONE = stack(service("a"))
SILENT = Heard.SILENCE


def finding(observed: InstanceObservation) -> Finding:
    return assess(ONE, seen(observed)).relations.findings["a"]


class TestSilence:
    """An answer is what the prober heard, not what its words look like."""

    def test_a_busy_process_that_is_silent_gets_a_minute(self) -> None:
        busy = finding(failing("a", heard=SILENT, for_s=30, latency_s=2.0))
        assert (busy.cause, busy.is_confirmed) == (Cause.HANG, False)
        assert finding(failing("a", heard=SILENT, for_s=61)).is_confirmed

    def test_an_idle_one_needs_eight_seconds_of_both(self) -> None:
        young = replace(failing("a", heard=SILENT, for_s=30), idle_since_s=NOW_S - 3)
        assert not finding(young).is_confirmed
        assert finding(failing("a", heard=SILENT, for_s=30, idle=True)).is_confirmed

    def test_words_of_the_service_do_not_make_it_silent(self) -> None:
        said = failing("a")
        assert said.probe is not None
        talks = replace(said, probe=replace(said.probe, detail="500: runtime error, real-time"))
        assert finding(talks).cause is Cause.UNHEALTHY

    def test_a_refusal_of_a_busy_process_is_waited_for_too(self) -> None:
        assert not finding(failing("a", heard=Heard.REFUSAL, for_s=30)).is_confirmed
        assert finding(failing("a", heard=Heard.REFUSAL, for_s=30, idle=True)).is_confirmed

    def test_a_moment_of_waiting_for_the_disk_is_work(self) -> None:
        waits = replace(failing("a", letter="D", heard=SILENT, for_s=30), cpu_ratio=0.9)
        assert not finding(waits).is_proven
        stuck = failing("a", letter="D", heard=SILENT, for_s=30, idle=True)
        assert finding(stuck).is_proven

    def test_a_queue_proves_a_hang_only_while_nobody_is_let_in(self) -> None:
        idle = failing("a", heard=SILENT, for_s=30, idle=True)
        assert not finding(idle).is_proven
        assert finding(replace(idle, queue_since_s=NOW_S - 9)).is_proven
        assert not finding(replace(idle, queue_since_s=NOW_S - 2)).is_proven

    def test_on_a_machine_short_of_cpu_a_queue_proves_a_hang_after_a_minute(self) -> None:
        """It may sleep because what it waits for is short of it."""
        for for_s, expected in ((30, False), (61, True)):
            idle = failing("a", heard=SILENT, for_s=for_s, idle=True)
            looked = seen(replace(idle, queue_since_s=NOW_S - 100))
            pressed = replace(looked, host=replace(looked.host, pressure_ratio=0.95))
            found = assess(ONE, pressed).relations.findings["a"]
            assert (found.is_proven, found.is_confirmed) == (True, expected)
            stopped = seen(failing("a", letter="T", heard=SILENT, for_s=for_s, idle=True))
            pressed = replace(stopped, host=replace(stopped.host, pressure_ratio=0.95))
            assert assess(ONE, pressed).relations.findings["a"].is_confirmed

    def test_a_queue_that_shrinks_begins_anew(self) -> None:
        def listed(queue: float) -> Instance:
            return replace(up("a").instance, accept_queue=queue)

        usage = fold_usage(Usage(), listed(2), 0.0, listed(3), 5.0)
        assert usage.queue_since_s == 0.0
        usage = fold_usage(usage, listed(3), 5.0, listed(3), 10.0)
        assert usage.queue_since_s == 0.0
        usage = fold_usage(usage, listed(3), 10.0, listed(1), 15.0)
        assert usage.queue_since_s == 15.0
        assert not is_known(fold_usage(usage, listed(1), 15.0, listed(0), 20.0).queue_since_s)


class TestUnknown:
    """What nobody could ask is unknown: not healthy, not unhealthy."""

    def unread(self) -> InstanceObservation:
        good = up("a")
        assert good.probe is not None
        return replace(good, probe=replace(good.probe, verdict=ProbeVerdict.UNKNOWN))

    def test_a_declared_probe_that_nobody_can_ask_leaves_the_score_unknown(self) -> None:
        for observed in (self.unread(), replace(up("a"), probe=None)):
            health = assess(ONE, seen(observed)).own.services["a"]
            assert health.condition is Condition.UNKNOWN
            assert not is_known(health.score)

    def test_among_several_the_others_are_scored_and_none_is_called_healthy(self) -> None:
        two = stack(service("a", instances=2))
        both = assess(two, seen(self.unread(), up("a", 1))).own.services["a"]
        assert (both.condition, both.score) == (Condition.UNKNOWN, 1.0)
        half = assess(two, seen(self.unread(), dead("a", number=1))).own.services["a"]
        assert (half.condition, half.score) == (Condition.UNHEALTHY, 0.0)

    def test_what_needs_it_waits(self) -> None:
        two = stack(service("a"), service("b", "a"))
        observation = seen(self.unread(), dead("b"))
        around = context(two, observation)
        (answer,) = propose(
            two, observation, around.assessment, StackState(), settled_memory(two), SETTINGS
        )
        assert isinstance(answer, Proposal)
        verdict = judge(answer, around)
        assert isinstance(verdict, Delayed)
        assert "nothing is known" in verdict.reason


def test_a_hang_without_a_probe_takes_no_healthy_instance() -> None:
    what = stack(service("a", probe=None), service("b", "a"))
    hung = replace(failing("a", letter="T", for_s=30, idle=True), probe=None)
    observation = seen(hung, failing("b", for_s=30))
    around = context(what, observation)
    answers = propose(
        what, observation, around.assessment, StackState(), settled_memory(what), SETTINGS
    )
    (proposal,) = [answer for answer in answers if isinstance(answer, Proposal)]
    assert proposal.service == "a"
    assert isinstance(judge(proposal, around), Allowed)


def tried(kind: ActionKind, ago_s: float, **changes: object) -> PastAction:
    ended_s = NOW_S - ago_s
    action = PastAction(
        f"act-{ago_s:g}", "a", kind, Origin.RECOVERY, Cause.UNHEALTHY, ended_s - 5, ended_s,
        True, True, "inc-0",
    )  # fmt: skip
    return replace(action, **changes)  # type: ignore[arg-type]


def answer_for(*past: PastAction, incident: Incident | None = None) -> Decided:
    incidents = {} if incident is None else {incident.id: incident}
    state = StackState({"a": ServiceState(past=past)}, incidents)
    observation = seen(failing("a", for_s=30))
    found = assess(ONE, observation, state)
    (answer,) = propose(ONE, observation, found, state, settled_memory(ONE), SETTINGS)
    return answer


def kind_of(answer: Decided) -> ActionKind:
    assert isinstance(answer, Proposal), answer
    return answer.kind


class TestTroubleThatComesBack:
    """Healed again and again is not healed."""

    def test_it_goes_on_one_rung_higher(self) -> None:
        assert kind_of(answer_for()) is ActionKind.GRACEFUL_RESTART
        again = answer_for(tried(ActionKind.GRACEFUL_RESTART, 300))
        assert kind_of(again) is ActionKind.CONTAINER_RESTART

    def test_and_in_the_end_to_a_person(self) -> None:
        twice = tried(ActionKind.GRACEFUL_RESTART, 500), tried(ActionKind.CONTAINER_RESTART, 200)
        case = answer_for(*twice)
        assert isinstance(case, Escalate)
        assert "3 min ago: container_restart helped for a while" in case.text

    def test_peace_in_between_begins_anew(self) -> None:
        assert (
            kind_of(answer_for(tried(ActionKind.GRACEFUL_RESTART, 900)))
            is ActionKind.GRACEFUL_RESTART
        )

    def test_what_did_not_happen_and_what_a_person_did_use_up_nothing(self) -> None:
        not_done = tried(ActionKind.GRACEFUL_RESTART, 100, has_happened=False)
        asked = tried(ActionKind.GRACEFUL_RESTART, 90, origin=Origin.PERSON)
        assert kind_of(answer_for(not_done)) is ActionKind.GRACEFUL_RESTART
        assert kind_of(answer_for(asked)) is ActionKind.GRACEFUL_RESTART
        attempts = tuple(
            Attempt(f"act-{n}", ActionKind.SCALE_OUT, NOW_S, "failed", origin=Origin.PERSON)
            for n in range(3)
        )
        incident = Incident("inc-1", "a", Cause.UNHEALTHY, "503", NOW_S - 60, attempts=attempts)
        assert kind_of(answer_for(incident=incident)) is ActionKind.GRACEFUL_RESTART


def test_an_end_that_looks_meant_is_asked_for_when_somebody_suffers() -> None:
    what = stack(service("db"), service("api", "db"))
    unwitnessed = replace(
        dead("db"),
        instance=replace(dead("db").instance, exit=Exit(NOW_S - 60, 143, was_witnessed=False)),
    )
    observation = seen(unwitnessed, failing("api"))
    opened = e.IncidentOpened(NOW_S - 5, "inc-1", "db", Cause.CRASH, "ended")
    state = fold_all(StackState(), [opened])
    around = context(what, observation, state)
    answers = propose(what, observation, around.assessment, state, settled_memory(what), SETTINGS)
    (proposal,) = [answer for answer in answers if isinstance(answer, Proposal)]
    verdict = judge(proposal, around)
    assert isinstance(verdict, Delayed)
    assert verdict.needs_approval
    assert "presumed to be intended" in verdict.reason


def test_the_proof_says_only_what_was_checked() -> None:
    what = stack(service("a", probe=None))
    silent = replace(up("a"), probe=None)
    flight = InFlight(
        "act-1", None, "k", Origin.RECOVERY, Cause.CRASH, Step(ActionKind.CONTAINER_RESTART, "a"),
        NOW_S - 20, Sighting(NOW_S - 20), Expectation("a", 90.0), phase=Phase.VERIFYING,
        done_at_s=NOW_S - 15,
    )  # fmt: skip
    verdict = judge_expectation(flight, seen(silent), assess(what, seen(silent)), SETTINGS)
    assert isinstance(verdict, Passed)
    assert "it has no probe to ask" in verdict.reason
    assert "in a row" not in verdict.reason
