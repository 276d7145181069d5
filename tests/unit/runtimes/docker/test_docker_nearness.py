"""An address is certain on this machine's own engine, on a network that we are on, only there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from everup.model.errors import GiveUp
from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.instances import address_of
from everup.runtimes.docker.nearness import Nearness, is_this_machine

HERE = {"Name": socket.gethostname(), "OperatingSystem": "Debian", "SecurityOptions": []}


class FakeEngine:
    def __init__(self, info: dict[str, Any] | None, own: str = "", *, is_socket: bool = True):
        self.info, self.own, self.is_socket = info, own, is_socket

    async def get(self, path: str) -> Any:
        if path == "info" and self.info is not None:
            return self.info
        if path.startswith("containers/") and self.own:
            return {"Id": self.own}
        raise GiveUp(path)


def _near(engine: FakeEngine, source: str, inside: Path, **network: object) -> str | None:
    nearness = Nearness(cast(Engine, engine), lambda _: source, inside)
    asyncio.run(nearness.open())
    shown = {"IPAddress": "172.18.0.5", "IPPrefixLen": 16, **network}
    document = {
        "Id": "a" * 64,
        "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05Z"},
        "NetworkSettings": {"Networks": {"shop_default": shown}},
    }
    return nearness.of(parse(document))


def test_the_host_and_whoever_shares_a_network_are_near(tmp_path: Path) -> None:
    outside, inside = tmp_path / "nothing", tmp_path
    ours = FakeEngine(None, socket.gethostname() + "0", is_socket=False)
    assert _near(FakeEngine(HERE), "172.18.0.1", outside) == "172.18.0.5"
    assert _near(ours, "172.18.0.9", inside) == "172.18.0.5"


@pytest.mark.parametrize(
    ("engine", "source"),
    [
        (FakeEngine(HERE), "192.0.2.7"),  # by a router
        (FakeEngine(HERE), ""),  # no way at all
        (FakeEngine(HERE, is_socket=False), "172.18.0.1"),  # another machine's, the same range
        (FakeEngine({**HERE, "Name": "far"}), "172.18.0.1"),
        (FakeEngine(None), "172.18.0.1"),  # a door that does not tell
    ],
)
def test_everything_else_is_not(engine: FakeEngine, source: str, tmp_path: Path) -> None:
    assert _near(engine, source, tmp_path / "nothing") is None


@pytest.mark.parametrize("prefix", [None, 0, "16", 32])
def test_an_odd_network_is_not_near(prefix: object, tmp_path: Path) -> None:
    inside = tmp_path / "nothing"
    assert _near(FakeEngine(HERE), "172.18.0.1", inside, IPPrefixLen=prefix) is None


def test_who_uses_the_hosts_network_is_near_to_the_host_alone(tmp_path: Path) -> None:
    """Inside of a container 127.0.0.1 is that container's own."""
    outside, inside = tmp_path / "nothing", tmp_path
    ours = FakeEngine(HERE, socket.gethostname() + "0")
    far = FakeEngine(HERE, is_socket=False)
    assert [_near_on_host(*one) for one in ((FakeEngine(HERE), outside), (ours, inside))] == [
        "127.0.0.1",
        None,
    ]
    assert _near_on_host(far, outside) is None


def _near_on_host(engine: FakeEngine, inside: Path) -> str | None:
    nearness = Nearness(cast(Engine, engine), lambda _: "127.0.0.1", inside)
    asyncio.run(nearness.open())
    document = {
        "Id": "a" * 64,
        "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05Z"},
        "HostConfig": {"NetworkMode": "host"},
        "NetworkSettings": {"Networks": {"host": {"IPAddress": ""}}},
    }
    container = parse(document)
    assert address_of(container) is None
    return nearness.of(container)


@pytest.mark.parametrize(
    "other",
    [
        {"Name": "other"},
        {"OperatingSystem": "Docker Desktop"},
        {"SecurityOptions": ["name=seccomp", "name=rootless"]},
    ],
)
def test_whose_bridges_are_not_ours(other: dict[str, object]) -> None:
    assert is_this_machine(HERE, socket.gethostname())
    assert not is_this_machine({**HERE, **other}, socket.gethostname())
