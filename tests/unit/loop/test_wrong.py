"""What counts as a wrong action of Everup's own, and what only looks like one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from everup.loop.wrong import Wrongs
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.episode import Ending
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Origin

RESTART, CLEAR = ActionKind.GRACEFUL_RESTART, ActionKind.CACHE_CLEAR


def seen(
    condition: str, score: float, b: float = 1.0, states: Mapping[str, str] | None = None
) -> Sighting:
    instances = {name: f"1.1@x|{state}" for name, state in (states or {}).items()}
    return Sighting(0.0, score, condition, instances, dependents={"b": b})


WELL, HUNG, DOWN = seen("healthy", 1.0), seen("unhealthy", 0.2), seen("down", 0.0)


def begun(
    action_id: str = "act-1",
    before: Sighting = HUNG,
    *,
    kind: ActionKind = RESTART,
    cause: Cause = Cause.HANG,
    origin: Origin = Origin.RECOVERY,
    incident: str | None = "inc-1",
    on_running: bool = True,
    **parameters: str,
) -> e.Intended:
    step, expected = Step(kind, "a", parameters), Expectation("a", 60)
    return e.Intended(
        1.0, action_id, incident, "k", origin, cause, step, "why", before, expected, on_running
    )


def ended(
    action_id: str = "act-1",
    after: Sighting | None = WELL,
    *,
    has_passed: bool = True,
    reason: str = "so",
) -> e.Verified:
    evidence = Evidence(HUNG, after=after)
    return e.Verified(9.0, action_id, "a", has_passed, reason, evidence)


def failed(after: Sighting, reason: str = "not in time") -> e.Verified:
    return ended(after=after, has_passed=False, reason=reason)


def opened(root: str, *victims: str, name: str = "inc-1") -> e.IncidentOpened:
    return e.IncidentOpened(0.0, name, root, Cause.HANG, "hangs", victims)


def over(name: str = "inc-1", root: str = "a") -> e.IncidentResolved:
    return e.IncidentResolved(9.5, name, root, "so")


OWN, OF_ANOTHER = opened("a", "b"), opened("z", "a", name="inc-9")
FINISHED_BADLY = e.Finished(2.0, "act-1", "a", OutcomeState.FAILED)
LEAK = begun(before=WELL, kind=CLEAR, cause=Cause.LEAK)
AGAIN = begun("act-2", WELL, kind=CLEAR, cause=Cause.LEAK)
ONE_DEAD = seen("healthy", 0.8, states={"a-0": "running", "a-1": "exited"})
LATER = e.EpisodeEnded(9.6, "inc-9", "z", Cause.HANG, 0.0, 9.0, Ending.HEALED)


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        # the usual
        ([OWN, begun(), ended(), over()], 0),
        ([OWN, begun(), FINISHED_BADLY, begun("act-2"), ended("act-2")], 0),
        ([OWN, begun(), failed(HUNG), begun("act-2"), ended("act-2")], 0),
        # on a victim
        ([OF_ANOTHER, begun()], 1),
        ([OF_ANOTHER, OWN, begun()], 0),
        ([OF_ANOTHER, over("inc-9", "z"), begun()], 0),
        ([OF_ANOTHER, LATER, begun()], 0),
        ([opened("z", name="inc-9"), begun()], 0),
        ([opened("z", name="inc-9"), e.IncidentChanged(
            0.5, "inc-9", Cause.HANG, "hangs", ("a",), ""), begun()], 1),
        # on what was well
        ([OWN, begun(before=WELL), ended()], 1),
        ([OWN, begun(before=WELL, origin=Origin.PERSON), failed(DOWN)], 0),
        ([OWN, begun(before=ONE_DEAD, instance="a-1", on_running=False), ended()], 0),
        ([OWN, begun(before=ONE_DEAD, instance="a-0"), ended()], 1),
        # what was foretold is done to what is well
        ([OWN, LEAK, ended()], 0),
        ([OWN, LEAK, ended(), AGAIN], 1),
        ([OWN, LEAK, failed(WELL), AGAIN], 0),
        # once more than was enough
        ([OWN, begun(), begun("act-2")], 1),
        ([OWN, begun(), ended(), begun("act-2", DOWN, cause=Cause.CRASH), ended("act-2")], 0),
        ([OWN, begun(), ended(), begun("act-2", WELL)], 1),
        # harm
        ([OWN, begun(), failed(DOWN)], 1),
        ([OWN, begun(), failed(DOWN, "superseded by stop act-2 of ann before its proof")], 0),
        ([OWN, begun(), failed(seen("unhealthy", 0.2, b=0.3))], 1),
        ([OWN, opened("b", name="inc-2"), begun(), failed(seen("unhealthy", 0.2, b=0.3))], 0),
        ([OWN, begun(before=DOWN, on_running=False), failed(seen("down", 0.0, b=0.3))], 0),
        # a dependent that still comes back from what its root had done to it
        ([OWN, begun(before=DOWN, on_running=False), ended(after=seen("healthy", 1.0, b=0.3))], 0),
        # begun before the period
        ([failed(DOWN)], 0),
    ],
)  # fmt: skip
def test_what_is_wrong(entries: list[e.Entry], wrong: int) -> None:
    wrongs = Wrongs()
    for entry in entries:
        wrongs.tell(entry)
    assert wrongs.counts["a"] == wrong
    assert set(wrongs.counts) <= {"a"}


def test_an_action_is_wrong_once() -> None:
    wrongs = Wrongs()
    for entry in (OWN, begun(before=WELL), failed(DOWN)):
        wrongs.tell(entry)
    assert wrongs.counts == {"a": 1}
