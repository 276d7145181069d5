"""What a journal's author provides so that the contract cases can run, and what the cases write.

Flows in: nothing. Flows out: the `JournalLab` protocol, a story in which every kind of entry
occurs, and a comparison of values in which unknown equals unknown.

Left to the lab's author: where the journal lives, how to damage it, and how to make it fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Any, Protocol

from everup.loop.ports import Journal
from everup.model import entries as e
from everup.model.accuracy import Failure, ForecastTally, SignalBefore
from everup.model.anomaly import Anomaly, AnomalyReason
from everup.model.approval import ApprovalState
from everup.model.baseline import BaselineKept
from everup.model.breaker import BreakerState, TurnedBy
from everup.model.decision import Expectation, Step
from everup.model.edges import Edge, EdgeTally
from everup.model.episode import Ending
from everup.model.errors import EverupError
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin, Purpose
from everup.model.learned import Craft
from everup.model.notice import Occasion
from everup.model.observation import Exit
from everup.model.prediction import PredictionEnding
from everup.model.probation import ProbationEnding
from everup.model.restore import RestoreEnding, RestoreStep
from everup.model.scaling import ScalingChoice
from everup.model.snapshot import SnapshotReason
from everup.model.tuning import Knob

STACK = "lab"


class Tampering(StrEnum):
    """What somebody with access to the store may do to one entry."""

    CHANGED = "changed"  # its content is another one of the same kind
    REMOVED = "removed"
    SWAPPED = "swapped"  # it and the next one have changed places


class JournalLab(Protocol):
    """One store with journals over it, used for one case and then ended."""

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run the story to its end, then end the lab, also when the story fails."""

    def journal(self) -> Journal:
        """A journal over the store, not opened. Called again for another controller's, or after
        the one before was closed; it may be the same object where a store has only one."""

    def tamper(self, sequence: int, how: Tampering) -> None:
        """Change one entry of `STACK` behind the journal's back."""

    def unavailable(self) -> AbstractContextManager[None]:
        """The store cannot be written to inside of this context, and can again behind it."""


def intended(action_id: str, service: str, at_s: float, incident_id: str | None) -> e.Intended:
    """An intent to restart a service, with all that an intent may carry."""
    return e.Intended(
        at_s,
        action_id,
        incident_id,
        f"key-{service}",
        Origin.RECOVERY,
        Cause.CRASH,
        Step(
            ActionKind.CONTAINER_RESTART,
            service,
            {"grace_s": 1.5, "tries": 2, "may_kill": True, "instance": "one"},
        ),
        f"{service} crashed",
        Sighting(at_s, UNKNOWN, "down", {"one": "4711|exited"}, "fail", {"web": 0.25}, ("\udcff",)),
        Expectation(service, 60.0, dependents_before={"web": UNKNOWN}),
        on_running=True,
        rung=1,
        overrides={"cooldown": "Ann says so"},
    )


def finished(action_id: str, service: str, at_s: float, outcome: OutcomeState) -> e.Finished:
    """The end of an action."""
    error = "" if outcome is OutcomeState.DONE else "it did not answer"
    return e.Finished(at_s, action_id, service, outcome, error, during=("stopping", "gone"))


def verified(action_id: str, service: str, at_s: float, *, has_passed: bool) -> e.Verified:
    """The verdict on an action."""
    seen = Sighting(at_s, 0.9, "healthy")
    evidence = Evidence(Sighting(at_s - 1.0), ("stopping", "gone"), seen, "three probes passed")
    return e.Verified(at_s, action_id, service, has_passed, "what was seen", evidence)


def asked(approval_id: str, key: str) -> e.ApprovalAsked:
    """A question that nobody answered yet."""
    return e.ApprovalAsked(
        12.2, approval_id, key, "db", ActionKind.RECREATE, "why", "high", "well", 99.0, "inc-1"
    )


def story() -> list[e.Entry]:
    """Every kind of entry in an order that may happen."""
    return [
        e.ControllerStarted(1.0, "0", "digest", "boot"),
        e.PurposeSet(1.0, "mail", Purpose.STOPPED, "Ann"),
        e.ExitSeen(1.5, "db", "one", Exit(1.4, -9, was_witnessed=False)),
        e.IncidentOpened(2.0, "inc-1", "db", Cause.CRASH, "it died \0 \udc80", ("web",), 1.4),
        e.GateAnswered(2.0, "key-db", "db", "restart", "delayed", "budget", "wait", "inc-1"),
        e.IncidentChanged(2.5, "inc-1", Cause.CRASH_LOOP, "died again", ("web", "api"), "a while"),
        intended("act-1", "db", 3.0, "inc-1"),
        finished("act-1", "db", 4.0, OutcomeState.UNKNOWN),
        finished("act-1", "db", 5.0, OutcomeState.DONE),
        verified("act-1", "db", 6.0, has_passed=False),
        intended("act-2", "db", 7.0, "inc-1"),
        finished("act-2", "db", 8.0, OutcomeState.DONE),
        verified("act-2", "db", 9.0, has_passed=True),
        e.WouldHaveDone(
            9.0, "key-db", "inc-1", "db", Cause.CRASH_LOOP, ActionKind.CONTAINER_RESTART, "died"
        ),
        e.IncidentResolved(9.0, "inc-1", "db", "healed"),
        e.EpisodeEnded(9.0, "inc-1", "db", Cause.CRASH_LOOP, 1.4, 7.6, Ending.HEALED),
        e.IncidentOpened(10.0, "inc-2", "web", Cause.HANG, "it stands still"),
        e.IncidentEscalated(11.0, "inc-2", "web", "nothing helped"),
        e.Notified(11.5, "s/inc-2/escalated", "inc-2", "log", Occasion.ESCALATED, "inc-2", "web"),
        e.PersonAnswered(12.0, "web", "Ann did"),
        asked("apr-1", "key-a"),
        e.ApprovalAnswered(12.5, "apr-1", True, "Ann", "go"),
        asked("apr-2", "key-b"),
        e.ApprovalEnded(12.9, "apr-2", ApprovalState.EXPIRED),
        e.FreezeSet(13.0, "", "backup", "Ann", 20.0),
        e.FreezeSet(13.0, "db", "backup", "Ann"),
        e.FreezeLifted(14.0, "", "Ann"),
        e.MonitorFaultSeen(15.0, "canary", "it sings"),
        e.MonitorFaultOver(16.0, "canary", 1.0),
        e.ApprovalAsked(16.1, "apr-1", "k", "db", ActionKind.RECREATE, "why", "risk", "up", 916.1),
        e.ApprovalAnswered(16.2, "apr-1", True, "Ann", "yes ☃"),
        e.ApprovalEnded(16.3, "apr-1", ApprovalState.EXPIRED),
        e.GivenBack(16.0, "db", ("db: its memory limit is 64 MiB again",), "Ann"),
        e.CameUp(16.0, "db", "db-0", "db-0#2", 1.5),
        e.InstancesCounted(16.5, "db", 2, "somebody beside Everup", 3, 16.4),
        e.VersionSeen(16.5, "db", "sha256:a+1", "sha256:b+1"),
        e.ProbationBegan(16.5, "db", "sha256:b+1", "sha256:a+1", 16.4, "somebody beside Everup"),
        e.RegressionSeen(16.55, "db", "sha256:a+1", "latency 0.1 s before, 0.3 s since"),
        e.SafePointKept(16.6, "db", "sha256:a+1", "db:2", "sha256:a", "everup-kept:a"),
        e.ProbationEnded(16.6, "db", ProbationEnding.SAFE_POINT, "well", ("0.1 s",), 16.4),
        e.SafePointForgotten(16.7, "db", "sha256:a+1", "a newer one is there"),
        e.PredictionMade(
            16.1, "pre-1", "db", Cause.LEAK, 0.8, 300.0, 400.0, ("it climbs",), "trend-prior-5"
        ),
        e.PredictionSettled(16.4, "pre-1", "db", Cause.LEAK, PredictionEnding.AVERTED, "came true"),
        e.JournalPruned(16.5, 4, "hash", "digest"),
        *_restores(),
        e.SnapshotTaken(
            *(16.6, "snap-1", SnapshotReason.BY_HAND, "Ann", "ab" * 32, True),
            *({"db": "sha256:a+1"}, {"db": 2}, {"sha256:a": UNKNOWN}, ("web",), 0.4, "a note"),
        ),
        e.SnapshotTaken(16.7, "snap-2", SnapshotReason.SCHEDULE, "everup", "cd" * 32),
        e.SnapshotForgotten(16.8, "snap-2", "newer ones are there"),
        e.SnapshotVerified(16.9, "Ann", 7, 4096, ("ab is damaged",), ("mark",)),
        e.BreakerTurned(
            *(16.9, "web", "db", BreakerState.OPEN, 1, "5 calls in a row failed", TurnedBy.CALLS),
            until_s=47.5,
        ),
        *_accounts(),
        e.EdgesSeen(16.9, (Edge("web", "db"), Edge("api", "db"))),
        e.EdgesLearned(16.9, "db", (EdgeTally("web", "db", 1.0, 2.5, 4.0),)),
        *_models(),
        e.BaselineLearned(16.9, "db", (BaselineKept("latency_s", (-4.5,), (0.25,), (120,)),)),
        e.ControllerStopped(17.0, "asked to"),
    ]


def _models() -> list[e.Entry]:
    address, features = "ef" * 32, ("cpu_ratio", "latency_s")
    made = e.ModelTrained(
        *(16.9, Craft.ANOMALY, "anomaly-1", address, 4096, 0.0, 12.0, 16.0, 700, features),
        is_champion=True,
        reason="there was none",
        by="everup",
        scores={"separation": 0.9, "calm": UNKNOWN},
    )
    return [
        made,
        e.ModelNotTrained(16.9, Craft.FAILURE, "2 failures are too few", "Ann"),
        e.AnomalyNoticed(
            16.9,
            "db",
            Anomaly("db", 16.8, 3.4, 3.0, True, (AnomalyReason("cpu_ratio", "shift", 4.0, 0.9),)),
        ),
        e.ScalingDecided(
            16.9,
            "api",
            ScalingChoice(2, 4, "forecast", "90/s now", 5, 4, 0.01, ("most",), 64e6, 1.5),
        ),
        e.ModelReturned(16.9, Craft.ANOMALY, "", "anomaly-1", "it alarms too often", "Ann"),
    ]


def _accounts() -> list[e.Entry]:
    return [
        e.FailureMet(
            16.9,
            "db",
            Failure(
                *(16.8, "db", Cause.CRASH, "inc-1", "pre-1", 300.0, 0.8, 600.0),
                (SignalBefore("memory_ratio", 0.4, 0.97, UNKNOWN, 0.97),),
                ("memory",),
            ),
        ),
        e.ForecastsSettled(
            *(16.9, (ForecastTally("db", 7, 2, 1, 1.5, 0.5),), 1),
            (ForecastTally("", 8, 2, 1, 1.7, 0.6),),
        ),
        e.Recalibrated(16.9, (0.5, 0.9), (0.25, 0.7), 60, "60 are settled", "everup", 0.2, 0.1),
        e.ThresholdTuned(16.9, Knob.ACTS_ABOVE, 0.7, 0.75, "false alarms", "everup"),
        e.ThresholdTuned(16.9, Knob.ANOMALY_BUDGET, 1.25, UNKNOWN, "no", "Ann", 99.0),
    ]


def _restores() -> list[e.Entry]:
    step = RestoreStep("db", "1:b", "1:a", "db:2", "db:1", "sha256:b", "everup-kept:b")
    return [
        e.RestoreBegan(16.5, "res-1", "Ann", "as it was", (step,), "snap-1", "snap-2"),
        e.RestoreTurned(16.6, "res-1", "Ann changed her mind"),
        e.RestoreEnded(16.7, "res-1", RestoreEnding.PUT_BACK, "nothing had been changed"),
    ]


def is_same(one: object, other: object) -> bool:
    """Equal in type and content, unknown numbers being equal to each other."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(is_same(getattr(one, n), getattr(other, n)) for n in names)
    return one == other


@contextmanager
def refused_with(error: type[EverupError]) -> Iterator[list[EverupError]]:
    """What happens inside raises this error; it is put into the list.

    Raises:
        AssertionError: nothing was raised.
    """
    caught: list[EverupError] = []
    try:
        yield caught
    except error as raised:
        caught.append(raised)
    else:
        raise AssertionError(f"{error.__name__} was expected and did not come")
