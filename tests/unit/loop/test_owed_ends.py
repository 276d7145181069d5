"""What an action of ours asked to end, and that outlived its grace, is started whenever it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from everup.loop.fold import fold_all
from everup.loop.perform import perform
from everup.loop.settle import settle
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.errors import NotWanted, StillEnds
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin, Purpose
from everup.model.observation import Exit, ServiceObservation
from everup.model.state import StackState
from tests.unit.builders import NOW_S, SETTINGS, failing, service, stack
from tests.unit.loop.small_world import World, until

LIFE = "a!1"
ESCALATED = e.IncidentEscalated(3.0, "inc-1", "a", "still runs")


def intended(*, may_kill: bool = False, life: str = LIFE) -> e.Intended:
    return e.Intended(
        *(1.0, "act-1", "inc-1", "k", Origin.RECOVERY, Cause.UNHEALTHY),
        Step(ActionKind.GRACEFUL_RESTART, "a", {"grace_s": 60.0, "may_kill": may_kill}),
        "why",
        Sighting(1.0, instances={"a-0": f"{life}|running"}),
        Expectation("a", 60.0),
        on_running=True,
    )


GAVE_UP: tuple[e.Entry, ...] = (
    e.IncidentOpened(0.5, "inc-1", "a", Cause.UNHEALTHY, "unwell"),
    intended(),
    e.Finished(2.0, "act-1", "a", OutcomeState.FAILED, "still runs", still_ends=("a-0",)),
    ESCALATED,
)


def test_the_journal_knows_the_life() -> None:
    state = fold_all(StackState(), GAVE_UP)
    assert state.service("a").still_ends == {"a-0": LIFE}
    assert state.service("a").with_a_person == "inc-1"


def _lived(world: World, *entries: e.Entry) -> World:
    world.runtime.run("a")
    assert world.runtime.instances["a"].identity == LIFE
    world.journal.kept.extend(entries)
    return world


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.OBSERVE])
@pytest.mark.parametrize("code", [0, -15, 1])
def test_it_is_started_whatever_its_code_and_nobody_has_crashed(mode: Mode, code: int) -> None:
    async def story() -> World:
        world = _lived(World(stack(service("a", is_stateful=True), mode=mode)), *GAVE_UP)
        async with world.life():
            await asyncio.sleep(0.05)
            assert world.runtime.did == []
            world.runtime.end("a", Exit(world.clock.now(), code, was_witnessed=False))
            await until(lambda: world.runtime.did != [])
            await until(lambda: len(world.journal.of(e.Finished)) == 2)
        return world

    world = asyncio.run(story())
    assert world.runtime.did == ["start a"]
    assert world.journal.of(e.ExitSeen) == []
    assert len(world.journal.of(e.IncidentOpened)) == 1


def test_also_by_the_next_everup() -> None:
    async def story() -> World:
        world = _lived(World(stack(service("a", is_stateful=True))), *GAVE_UP)
        world.runtime.end("a", Exit(world.clock.now(), 0, was_witnessed=False))
        async with world.life():
            await until(lambda: world.runtime.did != [])
        return world

    assert asyncio.run(story()).runtime.did == ["start a"]


@pytest.mark.parametrize("is_said_to_us", [True, False])
def test_who_stops_it_meanwhile_has_a_wish(is_said_to_us: bool) -> None:
    async def story() -> World:
        world = _lived(World(stack(service("a", is_stateful=True))), *GAVE_UP)
        if is_said_to_us:
            world.journal.kept.append(e.PurposeSet(4.0, "a", Purpose.STOPPED, "ann"))
        asked = "" if is_said_to_us else "docker stop"
        world.runtime.end("a", Exit(world.clock.now(), 0, asked=asked))
        async with world.life() as control:
            await until(lambda: control.memory.looks > 3)
        return world

    assert asyncio.run(story()).runtime.did == []


def test_another_life_owes_nothing() -> None:
    async def story() -> World:
        world = _lived(World(stack(service("a", is_stateful=True))), *GAVE_UP)
        world.runtime.run("a")
        world.runtime.end("a", Exit(world.clock.now(), 0))
        async with world.life() as control:
            await until(lambda: control.memory.looks > 3)
        return world

    assert asyncio.run(story()).runtime.did == []


@pytest.mark.parametrize("may_kill", [True, False])
def test_killed_in_between_the_signal_may_have_been_sent(may_kill: bool) -> None:
    one = failing("a")
    life = one.instance.identity
    state = fold_all(StackState(), [GAVE_UP[0], intended(may_kill=may_kill, life=life)])
    flight = state.in_flight["a"]
    found = settle(flight, ServiceObservation("a", (one,)), NOW_S, 70.0)
    assert found is not None
    assert not found.has_happened
    assert found.still_ends == (() if may_kill else ("a-0",))


def _performed(error: Exception) -> e.Finished:
    world = World(stack(service("a", is_stateful=True)))

    async def raises(*_: Any, **__: Any) -> None:
        raise error

    world.runtime.restart = raises  # type: ignore[method-assign]
    intent = replace(intended(), at_s=world.clock.now())
    spec = world.stack.services["a"]
    return asyncio.run(perform(cast(Any, world.runtime), world.clock, SETTINGS, spec, intent))


def test_what_still_runs_is_named_in_the_outcome() -> None:
    finished = _performed(StillEnds("a-0 still runs", "a-0"))
    assert (finished.outcome, finished.has_happened) == (OutcomeState.FAILED, True)
    assert finished.still_ends == ("a-0",)


def test_what_somebody_stops_meanwhile_was_no_attempt() -> None:
    finished = _performed(NotWanted("a-0: somebody stops it"))
    assert (finished.outcome, finished.has_happened) == (OutcomeState.FAILED, False)
    assert finished.still_ends == ()
