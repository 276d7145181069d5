"""An engine in memory, as far as replacing containers needs one: names, ids, states, volumes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from everup.loop.ports import Clock
from everup.model.errors import GiveUp
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import PROJECT, SERVICE, Container, parse
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.replace import Replacer
from everup.runtimes.docker.store import Store

NEVER = "0001-01-01T00:00:00Z"
_numbers = itertools.count(1)


class Hour:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_767_323_045.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Crash(BaseException):
    """Everup dies at this very call."""


class FakeEngine:
    """Containers by id. `before` and `after` are asked at each call that changes something."""

    def __init__(self, clock: Hour) -> None:
        self.clock = clock
        self.containers: dict[str, dict[str, Any]] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.loses_volumes = False

    def add(self, name: str, *, project: str = "shop", service: str = "web", **host: Any) -> str:
        """One that somebody made, and that runs."""
        labels = {PROJECT: project, SERVICE: service}
        body = {"Image": "web", "Env": [], "Labels": labels, "HostConfig": host}
        made = self._create(name, body)
        self._start(made)
        return made

    def names(self) -> dict[str, str]:
        """Name → `running`, `exited` or `created`."""
        return {str(d["Name"])[1:]: self._state(d) for d in self.containers.values()}

    def of(self, name: str) -> Container:
        return parse(self._found(name))

    async def get(self, path: str) -> Any:
        _, name, what = path.split("/")
        return None if what == "changes" else self._found(name)

    async def bounded(self, path: str, bytes_most: int) -> Any:
        """As the engine's; what it says here is short."""
        return await self.get(path)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        **_: Any,
    ) -> Any:
        verb = "remove" if method == "DELETE" else path.rpartition("/")[2]
        self.before(verb)
        answer = self._do(verb, path, params or {}, body)
        self.after(verb)
        return answer

    def _do(self, verb: str, path: str, params: Mapping[str, Any], body: Any) -> Any:
        if verb == "create":
            return {"Id": self._create(str(params["name"]), body)}
        if path.startswith("networks/"):
            return None
        document = self._found(path.split("/")[1])
        match verb:
            case "rename":
                self._reserve(str(params["name"]))
                document["Name"] = f"/{params['name']}"
            case "start":
                self._start(str(document["Id"]))
            case "stop" | "kill":
                self.end(str(document["Name"])[1:])
            case "pause":
                document["State"] |= {"Paused": True}
            case "remove":
                assert params == {"v": False, "force": False}
                assert not document["State"]["Running"]
                del self.containers[str(document["Id"])]
            case other:
                raise AssertionError(f"the fake knows no {other}")
        return None

    def end(self, name: str, code: int = 0) -> None:
        """It ends with this code."""
        self._found(name)["State"] |= {"Running": False, "Paused": False, "ExitCode": code}

    def take_away(self, name: str) -> None:
        """Somebody removes it."""
        del self.containers[str(self._found(name)["Id"])]

    def _create(self, name: str, body: Mapping[str, Any]) -> str:
        self._reserve(name)
        made = f"{next(_numbers):064x}"
        host = {"NetworkMode": "none", **body["HostConfig"]}
        mounts = []
        for mount in host.get("Mounts") or ():
            volume = mount.get("Source") or f"{next(_numbers):064x}"
            volume = f"{next(_numbers):064x}" if self.loses_volumes else volume
            place = mount["Target"]
            mounts.append({"Type": "volume", "Name": volume, "Destination": place, "RW": True})
        for bind in host.get("Binds") or ():
            volume, place = bind.split(":")[:2]
            mounts.append({"Type": "volume", "Name": volume, "Destination": place, "RW": True})
        self.containers[made] = {
            "Id": made,
            "Name": f"/{name}",
            "Image": "sha256:1",
            "State": {"Running": False, "StartedAt": NEVER, "FinishedAt": NEVER, "ExitCode": 0},
            "Config": {k: v for k, v in body.items() if k in ("Image", "Env", "Labels")},
            "HostConfig": host,
            "NetworkSettings": {"Networks": {}},
            "Mounts": mounts,
        }
        return made

    def _start(self, container: str) -> None:
        hour = f"{datetime.fromtimestamp(self.clock.now_s, UTC):%Y-%m-%dT%H:%M:%S}Z"
        self.containers[container]["State"] |= {"Running": True, "StartedAt": hour, "ExitCode": 0}

    def _reserve(self, name: str) -> None:
        if name in self.names():
            raise GiveUp(f"the engine says: Conflict. The container name {name} is already in use")

    def _found(self, name: str) -> dict[str, Any]:
        for document in self.containers.values():
            if name in (document["Id"], str(document["Name"])[1:]):
                return document
        raise Gone(f"the engine says: No such container: {name}")

    def _state(self, document: Mapping[str, Any]) -> str:
        if document["State"]["Running"]:
            return "running"
        return "created" if document["State"]["StartedAt"] == NEVER else "exited"


class Life:
    """One life of Everup over the engine, with the notes that all of them share."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        clock = cast(Clock, engine.clock)
        door = cast(Engine, engine)
        calls = Calls(clock)
        self.store = Store(folder)
        self.replacer = Replacer(
            door, clock, calls, Hands(door, clock, calls), self.store, scale=1.0
        )
