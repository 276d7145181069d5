"""A service of three instances behind a fake router, for tests of what is spared and comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from everup.loop.control import Control
from everup.model.kinds import InstanceState
from everup.model.observation import HostObservation, Instance
from everup.model.routing import RoutedServer, ServerName
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.stack import Stack
from everup.testing import FakeRouter, FakeRoutes
from tests.unit.loop import small_world

WEB = "web"
GIB = float(1 << 30)


def name_of(number: int) -> ServerName:
    return ServerName("be_web", f"web{number}")


@dataclass
class Runtime(small_world.Runtime):
    """Instances by name; `before_act` sees each act before it happens."""

    manifest: RuntimeManifest = field(
        default_factory=lambda: RuntimeManifest("small", frozenset(Capability))
    )
    before_act: Callable[[str, str], None] = lambda _, __: None
    moves: bool = False
    fails: Exception | None = None

    def have(self, *numbers: int) -> None:
        for number in numbers:
            self._live(f"web-{number}")

    def _live(self, name: str) -> None:
        self.lives += 1
        number = int(name.rpartition("-")[2])
        address = f"10.0.{self.lives if self.moves else 0}.{number}"
        self.instances[name] = Instance(
            WEB,
            name,
            f"{name}!{self.lives}",
            InstanceState.RUNNING,
            self.clock.now(),
            address=address,
            port=80,
        )

    def _each(self, verb: str, instance: str | None) -> Sequence[str]:
        for name in [instance] if instance else sorted(self.instances):
            self.before_act(verb, name)
            if self.fails is not None:
                raise self.fails
            self.did.append(f"{verb} {name}")
            self._live(name)
        return ()

    async def restart(self, service: str, instance: str | None = None, **_: Any) -> Any:
        return self._each("restart", instance)

    async def recreate(self, service: str, instance: str | None = None, **_: Any) -> None:
        self._each("recreate", instance)

    async def isolate(self, service: str, instance: str | None = None) -> None:
        self.before_act("isolate", instance or "")
        self.did.append(f"isolate {instance}")

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        for name in leaving:
            self.before_act("leave", name)
            del self.instances[name]
        number = 0
        while len(self.instances) < count:
            number += 1
            if f"web-{number}" not in self.instances:
                self._live(f"web-{number}")


class Host(small_world.Host):
    """With room."""

    async def host(self) -> HostObservation:
        return HostObservation(64 * GIB, 48 * GIB, 0.1, processors=8)


class World(small_world.World):
    """With a router."""

    runtime: Runtime

    def __init__(self, stack: Stack, settings: Any = small_world.QUICK) -> None:
        super().__init__(stack, settings)
        self.runtime, self.host = Runtime(self.clock), Host()
        self.runtime.have(1, 2, 3)
        self.routes = FakeRoutes()
        self.router = FakeRouter(self.routes)
        for number in (1, 2, 3):
            self.put(number)

    def put(self, number: int, **changes: Any) -> None:
        server = RoutedServer(
            name_of(number),
            address=f"10.0.0.{number}",
            port=80,
            weight=100,
            weight_declared=100,
            sessions=0.0,
            is_up=True,
            is_checked=True,
        )
        self.routes.put(replace(server, **changes))

    def server(self, number: int) -> RoutedServer:
        return self.routes.servers[name_of(number)]

    def control(self) -> Control:
        return Control(
            self.stack,
            self.settings,
            cast(Any, self.runtime),
            self.prober,
            self.host,
            cast(Any, self.journal),
            self.clock,
            small_world.Ids(),
            router=FakeRouter(self.routes),
        )
