"""A process that goes on since the last look is not restarted as a hung one."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from everup.loop.perform import perform
from everup.loop.ports import Clock, Runtime
from everup.loop.still import goes_on
from everup.model.decision import STUCK, Expectation, Step
from everup.model.entries import Intended
from everup.model.errors import TryAgain
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin
from everup.model.observation import Instance
from everup.model.runtime import Listing
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
    step = Step(ActionKind.GRACEFUL_RESTART, "db", parameters)
    return asyncio.run(goes_on(cast(Runtime, runtime), "db", step))


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


def test_a_proof_of_another_kind_is_not_asked_about() -> None:
    runtime = _Runtime(_one("db-0", "S"))
    assert _ask(runtime, may_kill=True) == ""
    assert runtime.asked == 0


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
