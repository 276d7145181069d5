"""What a runtime's author provides so that the contract cases can run: a small world of their own.

Flows in: nothing. Flows out: the `RuntimeLab` protocol, the five services that every lab declares,
and the few helpers that the cases share. The cases use only the lab's clock, so that the same text
runs on real processes and on a virtual clock.

Left to the lab's author: what a service is made of, and how to end the world without leftovers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from everup.loop.ports import Clock, Runtime
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.runtime import EventKind, RuntimeEvent, RuntimeManifest
from everup.model.stack import HookSpec, Limits, ServiceSpec, Stack

GOOD_FILE = b"colour = green\n"
"""What each configuration file of `steady` holds to begin with."""

CRASH_CODE = 3
"""What `crasher` exits with."""

TURN_S = 0.3
"""How long after its start `crasher` exits and `hanger` hangs, by the lab's clock."""

LINES_WRITTEN = 200
"""`steady` writes `line 1` … `line 200` before it is settled, a line each."""

PATIENCE_S = 20.0
"""How long a case waits for what must happen, by the lab's clock; passing is never that slow."""

GRACE_S = 5.0
"""Grace that is plenty for a service which listens to its stop signal."""


class RuntimeLab(Protocol):
    """One world with a stack in it, used for one case and then ended.

    The stack comes from `lab_stack`, so its services and what they do are always:

    | service | instances | what it does |
    |---|---|---|
    | steady | 2 | writes its lines, runs until asked, ends with code 0 on the stop signal |
    | stubborn | 1 | runs, ignores the stop signal; only a kill ends it |
    | crasher | 1 | ends with code 3 `TURN_S` after each start |
    | hanger | 1 | `TURN_S` after each start it stands still and hears no signal but a kill |
    | idle | 1 | like steady, one instance, nothing written |

    `steady` has the hooks `greet` (its output contains `hello`), `broken` (fails) and `slow`
    (takes far longer than its timeout).
    """

    @property
    def manifest(self) -> RuntimeManifest:
        """Of the runtime that `open` gives."""

    @property
    def stack(self) -> Stack:
        """What `lab_stack` made, adapted to this world."""

    @property
    def clock(self) -> Clock:
        """The only time that a case knows."""

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run the story to its end on the loop that suits the clock, then end the world, also
        when the story fails: runtimes closed, nothing left running."""

    async def open(self) -> Runtime:
        """A runtime over this world, ready. Called again only after the one before was closed or
        lost; what ran then still runs."""

    async def lose(self, runtime: Runtime) -> None:
        """The controller vanishes without a word, as by SIGKILL; the services live on."""

    async def write_file(self, name: str, content: bytes) -> None:
        """Somebody writes this file of `steady`'s configuration, in place: `main.conf` or
        `parts/one.conf`. Only where the manifest has FILES. Both hold `GOOD_FILE` to begin with."""

    async def read_file(self, name: str) -> bytes:
        """What is in it."""

    async def talk(self, runtime: Runtime) -> None:
        """`idle` opens a connection to `steady` and keeps it; both run, and are settled. Only where
        the manifest has CONNECTIONS."""

    async def settled(self, runtime: Runtime, service: str) -> None:
        """Return when every running instance of the service has done its start-up."""


def lab_stack(
    commands: Mapping[str, tuple[str, ...]],
    hooks: Mapping[str, HookSpec],
    *,
    port: int | None = None,
) -> Stack:
    """The stack of every lab. Missing commands stay empty, for runtimes that need none."""

    def spec(name: str, instances: int = 1, **more: Any) -> ServiceSpec:
        return ServiceSpec(
            name=name,
            command=commands.get(name, ()),
            instances=instances,
            max_instances=4,
            limits=Limits(memory_bytes=512 * 1024 * 1024),
            **more,
        )

    services = (
        spec("steady", 2, port=port, hooks=hooks, env={"COLOUR": "green"}),
        spec("stubborn"),
        spec("crasher"),
        spec("hanger"),
        spec("idle"),
    )
    return Stack(name="lab", services={s.name: s for s in services})


@asynccontextmanager
async def opened(lab: RuntimeLab) -> AsyncIterator[Runtime]:
    """A runtime that is closed at the end, services stopped."""
    runtime = await lab.open()
    try:
        yield runtime
    finally:
        await runtime.close(stop_services=True)


async def instances_of(runtime: Runtime, service: str) -> dict[str, Instance]:
    """The listed instances of one service by name, the listing being without fault."""
    listing = await runtime.list()
    assert listing.fault == "", f"the listing says: {listing.fault}"
    return {i.name: i for i in listing.instances if i.service == service}


async def the_only(runtime: Runtime, service: str) -> Instance:
    """The one instance of a service that has one."""
    found = await instances_of(runtime, service)
    assert len(found) == 1, f"{service} should have one instance, listed are {sorted(found)}"
    return next(iter(found.values()))


def is_up(instance: Instance) -> bool:
    """Does the runtime say that it runs?"""
    return instance.state is InstanceState.RUNNING


async def until(
    lab: RuntimeLab, is_so: Callable[[], Coroutine[Any, Any, bool]], *, what: str
) -> None:
    """Wait for a state of the world, by the lab's clock.

    Raises:
        AssertionError: it is not so after `PATIENCE_S`.
    """
    deadline_s = lab.clock.now() + PATIENCE_S
    while not await is_so():
        assert lab.clock.now() < deadline_s, f"waited {PATIENCE_S:g} s in vain: {what}"
        await lab.clock.sleep(0.02)


class Events:
    """Everything that a watcher of the runtime was told since this was made."""

    def __init__(self, lab: RuntimeLab, runtime: Runtime) -> None:
        self.seen: list[RuntimeEvent] = []
        self._lab = lab
        self._events = runtime.watch()
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for event in self._events:
            self.seen.append(event)

    async def first(self, kind: EventKind, service: str) -> RuntimeEvent:
        """The first event of this kind and service, waited for."""

        def found() -> RuntimeEvent | None:
            wanted = (e for e in self.seen if e.kind is kind and e.service == service)
            return next(wanted, None)

        async def has_come() -> bool:
            return found() is not None

        await until(self._lab, has_come, what=f"no event {kind} of {service} came")
        event = found()
        assert event is not None
        return event

    @property
    def has_ended(self) -> bool:
        """Is the stream over?"""
        return self._reader.done()

    async def aclose(self) -> None:
        """Stop listening."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
