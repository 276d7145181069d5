"""What was found and is so no more is left alone: a process that goes on, what somebody stops."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from everup.loop.perform import perform
from everup.loop.ports import Clock, Runtime
from everup.loop.still import no_more
from everup.model.decision import STUCK, Check, Expectation, Step
from everup.model.entries import Intended
from everup.model.errors import TryAgain
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin
from everup.model.observation import Exit, Instance
from everup.model.runtime import Listing
from everup.model.scaling import BEFORE, INSTANCES
from tests.unit.builders import NOW_S, SETTINGS, service


def _one(name: str, letter: str | None) -> Instance:
    return Instance("db", name, name, InstanceState.RUNNING, process_state=letter)


class _Runtime:
    """Its own clock: a listing may take long, as when all of Everup is paused meanwhile."""

    takes_s = 0.0

    def __init__(self, *instances: Instance, fault: str = "", error: Exception | None = None):
        self.listing, self.error, self.asked = Listing(0.0, instances, fault=fault), error, 0
        self.now_s, self.restarted = NOW_S, 0

    def now(self) -> float:
        return self.now_s

    async def evidence(self, *_: Any, **__: Any) -> Any:
        return ()

    async def logs(self, *_: Any, **__: Any) -> Any:
        return ()

    async def restart(self, service: str, instance: str | None, **how: Any) -> None:
        self.restarted += 1

    async def list(self) -> Listing:
        self.asked += 1
        self.now_s += self.takes_s
        if self.error is not None:
            raise self.error
        return self.listing


def _ask(runtime: _Runtime, **parameters: Any) -> str:
    return _wish(runtime, parameters=parameters)


def _wish(
    runtime: _Runtime,
    kind: ActionKind = ActionKind.GRACEFUL_RESTART,
    before: Mapping[str, str] | None = None,
    origin: Origin = Origin.RECOVERY,
    overrides: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> str:
    intent = Intended(
        *(1.0, "act-1", None, "key", origin, Cause.HANG, Step(kind, "db", parameters or {}), "why"),
        Sighting(1.0, instances=before or {}),
        Expectation("db", 60.0),
        overrides=overrides or {},
    )
    return asyncio.run(no_more(cast(Runtime, runtime), intent))


def test_who_goes_on_is_named() -> None:
    assert "db-0 (process in state S)" in _ask(_Runtime(_one("db-0", "S")), **{STUCK: "T"})


@pytest.mark.parametrize(
    "runtime",
    [
        _Runtime(_one("db-0", "T")),
        _Runtime(_one("db-0", None)),
        _Runtime(_one("db-0", "S"), _one("db-1", "T")),
        _Runtime(),
        _Runtime(_one("db-0", "S"), fault="the engine is away"),
        _Runtime(error=TryAgain("later")),
    ],
)
def test_else_what_was_proven_counts(runtime: _Runtime) -> None:
    assert _ask(runtime, **{STUCK: "T"}) == ""


def test_of_several_the_meant_one_counts() -> None:
    runtime = _Runtime(_one("db-0", "T"), _one("db-1", "S"))
    assert _ask(runtime, **{STUCK: "T", "instance": "db-1"})
    assert not _ask(runtime, **{STUCK: "T", "instance": "db-0"})


def test_a_proof_of_another_kind_goes_on_whatever_the_process_does() -> None:
    assert _ask(_Runtime(_one("db-0", "S")), may_kill=True) == ""


def test_somebody_stops_it() -> None:
    ending = replace(_one("db-0", "S"), ending="docker stop")
    assert _wish(_Runtime(ending)) == "not begun: somebody stops it (docker stop): db-0"
    assert _wish(_Runtime(ending), ActionKind.EMERGENCY_ROLLBACK, origin=Origin.PERSON)
    assert not _wish(_Runtime(ending, _one("db-1", "S")), parameters={"instance": "db-1"})


def test_somebody_has_stopped_it_since() -> None:
    gone = replace(_one("db-0", None), state=InstanceState.EXITED)
    stopped = replace(gone, exit=Exit(2.0, -15, asked="docker stop"))
    for was in ("db-0|running", "db-0|restarting", "another|exited"):
        assert "docker stop" in _wish(_Runtime(stopped), ActionKind.START, {"db-0": was})
    crashed = replace(gone, exit=Exit(2.0, 1))
    assert not _wish(_Runtime(crashed), ActionKind.START, {"db-0": "db-0|running"})


def test_a_wish_that_was_known_and_decided_upon_is_no_news() -> None:
    stopped = replace(
        _one("db-0", None), state=InstanceState.EXITED, exit=Exit(2.0, -15, asked="docker stop")
    )
    assert not _wish(_Runtime(stopped), ActionKind.START, {"db-0": "db-0|exited"})


def test_a_person_knows_what_they_want() -> None:
    runtime = _Runtime(replace(_one("db-0", "S"), ending="docker stop"))
    assert not _wish(runtime, ActionKind.STOP, origin=Origin.PERSON)
    assert not _wish(runtime, ActionKind.START, origin=Origin.PERSON)
    assert runtime.asked == 0
    knows = {Check.SOMEONE_ELSES_CHANGE.value: "it was me"}
    assert not _wish(runtime, origin=Origin.PERSON, overrides=knows)
    assert _wish(runtime, origin=Origin.PERSON)


@pytest.mark.parametrize("takes_s", [1.0, 75.0])
def test_how_old_the_intent_is_is_asked_last(takes_s: float) -> None:
    """Paused in the listing for longer than the lease, another may have acted since."""
    hands = _Runtime(_one("db-0", "T"))
    hands.takes_s = takes_s
    step = Step(ActionKind.GRACEFUL_RESTART, "db", {STUCK: "T"})
    intent = Intended(
        *(NOW_S, "act-1", None, "key", Origin.RECOVERY, Cause.HANG, step, "it hangs"),
        before=Sighting(NOW_S),
        expectation=Expectation("db", 60.0, 10.0, 3, 0.7, {}),
    )
    runtime, clock = cast(Runtime, hands), cast(Clock, hands)
    finished = asyncio.run(perform(runtime, clock, SETTINGS, service("db"), intent))
    assert hands.restarted == (takes_s < SETTINGS.lease_s), finished.error
    assert finished.has_happened == hands.restarted, "what came too late was no attempt"


@pytest.mark.parametrize("kind", [ActionKind.SCALE_OUT, ActionKind.SCALE_IN])
def test_a_number_that_somebody_gave_it_meanwhile_is_theirs(kind: ActionKind) -> None:
    """Ours would take away what they have just added, or add to what they have taken away."""
    three = _Runtime(*(_one(f"db-{n}", None) for n in range(3)))
    count = 4 if kind is ActionKind.SCALE_OUT else 1
    decided = {INSTANCES: count, BEFORE: 2}
    said = _wish(three, kind, origin=Origin.SCALING, parameters=decided)
    assert said == "not begun: somebody has given it another number: there are 3, and were 2"
    assert _wish(three, kind, origin=Origin.PERSON, parameters=decided) == ""
    still = {INSTANCES: count, BEFORE: 3}
    assert _wish(three, kind, origin=Origin.SCALING, parameters=still) == ""
