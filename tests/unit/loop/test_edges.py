"""Connections and learned weights: found beside the loop, written down, kept over restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from everup.loop.fold import fold_all
from everup.loop.fold_edges import EDGES_MOST
from everup.loop.illnesses import DUE_S, Illnesses
from everup.model import entries as e
from everup.model.edges import Connections, Edge, EdgeTally
from everup.model.kinds import Mode
from everup.model.observation import Exit
from everup.model.runtime import Capability
from everup.model.stack import Dependency
from everup.model.state import StackState
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import MANIFEST, QUICK, World, until

SHOP = stack(
    service("db"),
    service("web", depends_on=(Dependency("db"),)),
    service("mail"),
    mode=Mode.OBSERVE,
)
TALKS = replace(MANIFEST, capabilities=MANIFEST.capabilities | {Capability.CONNECTIONS})


def talking(world: World, *edges: tuple[str, str]) -> list[int]:
    """The runtime shows these connections; counts how often it was asked."""
    asked: list[int] = []

    async def connections() -> Connections:
        asked.append(1)
        return Connections(world.clock.now(), dict.fromkeys(edges, 1), {"mail": "hidden"})

    world.runtime.manifest = TALKS
    world.runtime.connections = connections  # type: ignore[attr-defined]
    return asked


def running() -> World:
    world = World(SHOP, replace(QUICK, connections_interval_s=0.05, tick_s=0.2, gap_ticks=30))
    for name in SHOP.services:
        world.runtime.run(name)
    return world


def test_a_connection_is_written_once_and_remembered() -> None:
    async def story() -> None:
        world = running()
        asked = talking(world, ("web", "db"), ("mail", "nobody"), ("web", "web"))
        async with world.life() as control:
            await until(lambda: len(asked) > 3)
            assert control.edges.unseen == {"mail": "hidden"}
        (seen,) = world.journal.of(e.EdgesSeen)
        assert seen.edges == (Edge("web", "db"),)
        async with world.life() as control:
            known = control.edges.known(control.state)
            assert known["web"]["db"].first_seen_s == seen.at_s

    asyncio.run(story())


def test_tables_that_cannot_be_read_are_no_harm() -> None:
    async def story() -> None:
        world = running()
        talking(world)

        async def broken() -> Connections:
            raise ValueError("what a table")

        world.runtime.connections = broken  # type: ignore[attr-defined]
        async with world.life() as control:
            await until(lambda: control.edges.fault != "")
            assert "what a table" in control.edges.fault
        assert not world.journal.of(e.EdgesSeen)

    asyncio.run(story())


def test_who_follows_whom_is_learned_live() -> None:
    async def story() -> None:
        world = running()
        async with world.life() as control:
            await until(lambda: control.look is not None and control.look.observation.is_complete)
            for name in ("db", "web"):
                world.runtime.end(name, Exit(world.clock.now(), 1))
            await until(lambda: bool(world.journal.of(e.EdgesLearned)))
        learned = world.journal.of(e.EdgesLearned)[0]
        (tally,) = learned.edges
        assert (learned.service, tally.service, tally.target) == ("db", "web", "db")
        assert tally.hurt == 1.0
        state = fold_all(StackState(), world.journal.kept)
        assert state.edges["web"]["db"].tally.hurt == 1.0

    asyncio.run(story())


def test_an_illness_is_given_once_and_late_enough() -> None:
    kept = Illnesses()
    kept.follow(5.0, {}, {"web", "db"})
    kept.follow(10.0, {"db": 9.0}, {"web"})
    kept.follow(20.0, {}, {"web", "db"})
    assert kept.take_due(9.0 + DUE_S - 1.0) == []
    (due,) = kept.take_due(9.0 + DUE_S)
    assert (due.service, due.from_s, due.to_s) == ("db", 9.0, 20.0)
    assert kept.take_due(9.0 + DUE_S + 1.0) == []


def test_an_illness_is_not_counted_anew_when_we_were_blind_meanwhile() -> None:
    kept = Illnesses()
    kept.follow(5.0, {}, {"db"})
    kept.follow(10.0, {"db": 9.0}, ())
    assert len(kept.take_due(9.0 + DUE_S)) == 1
    kept.clear()
    kept.follow(300.0, {"db": 9.0}, ())
    assert kept.take_due(900.0) == []
    kept.follow(901.0, {}, {"db"})
    kept.follow(910.0, {"db": 910.0}, ())
    (due,) = kept.take_due(910.0 + DUE_S)
    assert due.from_s == 910.0


def test_an_illness_whose_end_nobody_saw_is_forgotten() -> None:
    kept = Illnesses()
    kept.follow(5.0, {}, {"db"})
    kept.follow(10.0, {"db": 9.0}, ())
    kept.forget("db")
    assert kept.all() == []


def test_what_is_remembered_is_bounded() -> None:
    names = [f"s{number}" for number in range(EDGES_MOST)]
    state = fold_all(
        StackState(),
        [
            e.EdgesSeen(1.0, tuple(Edge(name, "db") for name in names)),
            e.EdgesLearned(2.0, "db", (EdgeTally("s0", "db", 1.0, 0.0, 3.0),)),
            e.EdgesSeen(3.0, (Edge("new", "db"), Edge("s1", "db"))),
        ],
    )
    assert sum(len(targets) for targets in state.edges.values()) == EDGES_MOST
    assert state.edges["new"]["db"].first_seen_s == 3.0
    assert state.edges["s1"]["db"].first_seen_s == 1.0
