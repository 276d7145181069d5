"""Giving back: what fails of one service holds nobody else up, and what is gone is let go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from everup.loop import debts
from everup.model import entries as e
from everup.model.errors import StillHeld, TryAgain
from everup.model.request import AnswerState, Request, Verb
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState
from everup.runtimes.docker import isolation, undeclared
from everup.runtimes.docker.engine import Gone
from everup.runtimes.docker.runtime import DockerRuntime
from everup.runtimes.docker.store import Store
from tests.contract.process_lab import WallClock
from tests.unit.builders import KEY

A, B = "a" * 64, "b" * 64


class FakeEngine:
    """Containers on networks. `gone`: networks that are no more; `ill`: those that fail."""

    def __init__(self, *containers: str) -> None:
        self.on: dict[str, set[str]] = {name: set() for name in containers}
        self.gone: set[str] = set()
        self.ill: set[str] = set()

    async def get(self, path: str, **_: Any) -> Any:
        container = str(path.split("/")[1])
        if container not in self.on:
            raise Gone(f"no such container {container}")
        return {
            "Id": container,
            "NetworkSettings": {"Networks": {n: {} for n in self.on[container]}},
        }

    async def call(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        _root, network, verb = path.split("/")
        assert (method, verb) == ("POST", "connect")
        if network in self.gone:
            raise Gone(f"network {network} not found")
        if network in self.ill:
            raise TryAgain("the engine says: not now")
        self.on[body["Container"]].add(network)


def made(engine: FakeEngine, folder: Path) -> tuple[DockerRuntime, Store]:
    stack = Stack("shop", {name: ServiceSpec(name) for name in ("a", "b")}, runtime="docker")
    runtime = DockerRuntime(stack, folder, WallClock(), Settings(), engine, KEY)  # type: ignore[arg-type]
    runtime._is_open = True
    return runtime, Store(folder / "docker")


def cut_off(store: Store, service: str, container: str, *networks: str) -> None:
    value = {"service": service, "networks": {name: {} for name in networks}}
    store.put(isolation.ROOM, container, value)


def test_a_network_that_is_gone_is_said_and_let_go(tmp_path: Path) -> None:
    engine = FakeEngine(A, B)
    runtime, store = made(engine, tmp_path)
    cut_off(store, "a", A, "n1", "n2")
    cut_off(store, "b", B, "n2")
    engine.gone = {"n1"}
    said = asyncio.run(runtime.release())
    assert engine.on == {A: {"n2"}, B: {"n2"}}
    assert "a: its network n1 is gone, and cannot be joined" in said
    assert "b: it is connected to its networks again" in said
    assert not store.all(isolation.ROOM)
    assert not asyncio.run(runtime.release()), "once is enough"


def test_one_that_fails_holds_nobody_up_and_is_tried_again(tmp_path: Path) -> None:
    engine = FakeEngine(A, B)
    runtime, store = made(engine, tmp_path)
    cut_off(store, "a", A, "n1", "n2")
    cut_off(store, "b", B, "n2")
    store.put(undeclared.ROOM, "c" * 64, {"service": "a", "name": "a_1", "before": {"Memory": 1}})
    engine.ill = {"n1"}
    with pytest.raises(StillHeld, match="a: the engine says: not now") as caught:
        asyncio.run(runtime.release())
    assert engine.on == {A: {"n2"}, B: {"n2"}}
    assert "a_1, whose limits were changed, is gone" in str(caught.value), "the next room, too"
    assert caught.value.given == {"b": ("b: it is connected to its networks again",)}
    assert list(store.all(isolation.ROOM)) == [A]
    engine.ill = set()
    assert asyncio.run(runtime.release("a")) == ["a: it is connected to its networks again"]


def test_a_container_that_is_gone_is_said_and_let_go(tmp_path: Path) -> None:
    runtime, store = made(FakeEngine(B), tmp_path)
    cut_off(store, "a", A, "n1")
    cut_off(store, "b", B, "n2")
    said = asyncio.run(runtime.release())
    assert said[0] == f"a: its container {A[:12]} that was off its networks is gone"
    assert not store.all(isolation.ROOM)


def test_what_was_given_back_is_written_though_something_was_not(tmp_path: Path) -> None:
    engine = FakeEngine(A, B)
    runtime, store = made(engine, tmp_path)
    cut_off(store, "a", A, "n1")
    cut_off(store, "b", B, "n2")
    engine.ill = {"n1"}
    written: list[e.Entry] = []
    warned: list[str] = []
    let_go: list[str] = []

    async def write(entries: list[e.Entry]) -> None:
        written.extend(entries)

    async def safe_points(*_: Any) -> list[str]:
        return ["b: image 1 is not kept any more"]

    async def no_router(_: str) -> tuple[dict[str, tuple[str, ...]], str]:
        return {}, ""

    control: Any = SimpleNamespace(
        state=StackState(),
        fence=1,
        runtime=runtime,
        traffic=SimpleNamespace(
            release=no_router,
            breaking=SimpleNamespace(let_go=lambda *of: let_go.append(of[1])),
        ),
        breakers=None,
        settings=Settings(),
        clock=WallClock(),
        write=write,
        safe_points=SimpleNamespace(release=safe_points),
        snapshots=SimpleNamespace(release=safe_points),
        beside=SimpleNamespace(
            rooms=SimpleNamespace(
                log=SimpleNamespace(warning=lambda _, text: warned.append(text)),
            )
        ),
    )

    async def story() -> None:
        answer = await debts.release(control, Request(Verb.RELEASE, by="Ann"))
        assert answer.state is AnswerState.DELAYED
        assert "b: it is connected to its networks again" in answer.text
        assert "not given back yet: a: the engine says: not now" in answer.text
        assert "not kept any more" in answer.text
        assert let_go == [""], "the breakers of every service"
        (entry,) = written
        assert isinstance(entry, e.GivenBack)
        assert (entry.scope, entry.by) == ("b", "Ann"), "a is cut off still"
        owed = debts.Debts()
        await owed.settle(control)
        await owed.settle(control)
        assert warned == ["a: the engine says: not now"], "said once"
        engine.ill = set()
        await owed.settle(control)
        assert isinstance(written[-1], e.GivenBack)
        assert (written[-1].scope, written[-1].by) == ("", debts.OURSELVES)

    asyncio.run(story())
