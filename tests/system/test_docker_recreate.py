"""Replacing a container: the new one equals the old one but for identity; nothing is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from everup.model.errors import GiveUp
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.docker import create
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from everup.runtimes.docker.runtime import DockerRuntime
from tests.contract.process_lab import WallClock
from tests.docker_engine import BUSYBOX, Docker, call

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

STAYS = "trap 'exit 0' TERM; sleep 100000 & wait"
OWN = ("Id", "Created", "Name", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "State")
OWN_ADDRESSES = ("EndpointID", "IPAddress", "MacAddress", "GlobalIPv6Address", "NetworkID")


def _rich(docker: Docker, project: str) -> str:
    """A container with about everything that one can have."""
    first, second = docker.network(f"{project}-a"), docker.network(f"{project}-b")
    volume = docker.volume(f"{project}-data")
    name = docker.run(
        BUSYBOX,
        *("sh", "-c", STAYS),
        name=docker.name(f"{project}_web_1"),
        options=[
            *("--network", first, "--network-alias", "web", "--network-alias", "shop"),
            *("-p", "127.0.0.1::8080", "-e", "COLOUR=green", "-e", "EMPTY=", "-w", "/tmp"),
            *("-v", f"{volume}:/data", "-v", "/anonymous", "--tmpfs", "/scratch:size=1m"),
            *("--mount", "type=volume,dst=/mounted"),
            *("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "nofile=99"),
            *("--restart", "on-failure:3", "--stop-timeout", "7", "--stop-signal", "SIGTERM"),
            *("--cap-drop", "ALL", "--read-only", "--user", "0:0", "--add-host", "me:127.0.0.1"),
            *("--log-opt", "max-size=1m", "--shm-size", "16m", "--init", "--hostname", "chosen"),
            *(
                "--health-cmd",
                "true",
                "--health-interval",
                "1s",
                "--sysctl",
                "net.core.somaxconn=99",
            ),
            *("--label", f"{PROJECT}={docker.name(project)}", "--label", f"{SERVICE}=web"),
            *("--label", f"{NUMBER}=1", "--label", "mine=yes"),
        ],
    )
    call("network", "connect", "--alias", "back", second, name)
    return name


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in document.items() if key not in OWN}
    settings = kept.pop("NetworkSettings")
    networks = {
        name: {
            **{k: v for k, v in end.items() if k not in OWN_ADDRESSES},
            "Aliases": sorted(a for a in end["Aliases"] or () if a != document["Id"][:12]),
        }
        for name, end in settings["Networks"].items()
    }
    binds = kept["HostConfig"].pop("Binds") or []
    named = [bind for bind in binds if not bind.endswith(":/anonymous")]
    for mount in kept["HostConfig"].get("Mounts") or ():
        mount.pop("Source", None)  # the engine's own name of a volume without one, see Mounts
    kept["GraphDriver"] = kept["GraphDriver"]["Name"]
    kept["Mounts"] = sorted((m["Destination"], m.get("Name", "")) for m in kept["Mounts"])
    return {**kept, "networks": networks, "binds": sorted(named)}


@asynccontextmanager
async def _runtime(project: str, folder: Path) -> AsyncIterator[DockerRuntime]:
    stack = Stack(project, {"web": ServiceSpec("web")}, runtime="docker")
    runtime = await create(stack, folder / "state", WallClock(), Settings().scaled(0.1))
    try:
        yield runtime
    finally:
        await runtime.close()


def test_the_new_one_equals_the_old_one_but_for_identity(docker: Docker, tmp_path: Path) -> None:
    _rich(docker, "rich")
    name = docker.name("rich_web_1")
    call(
        "exec", name, "sh", "-c", "for at in data anonymous mounted; do echo kept >/$at/file; done"
    )
    before = docker.inspect(name)

    async def story() -> None:
        async with _runtime(docker.name("rich"), tmp_path) as runtime:
            await runtime.recreate("web", grace_s=5.0)
            (instance,) = (await runtime.list()).instances
            assert instance.name == name
            await asyncio.sleep(6)  # the old one goes when the new one has proven itself
            assert len(_all_of(docker, "rich")) == 1

    asyncio.run(story())
    after = docker.inspect(name)
    assert after["Id"] != before["Id"]
    assert _comparable(after) == _comparable(before)
    said = call("exec", name, "sh", "-c", "cat /data/file /anonymous/file /mounted/file").split()
    assert said == ["kept"] * 3, "all volumes came along"


def test_what_was_written_outside_of_volumes_is_not_thrown_away(
    docker: Docker, tmp_path: Path
) -> None:
    name = docker.name("wrote_web_1")
    labels = [f"{PROJECT}={docker.name('wrote')}", f"{SERVICE}=web", f"{NUMBER}=1"]
    options = [part for label in labels for part in ("--label", label)]
    docker.run(BUSYBOX, "sh", "-c", STAYS, name=name, options=options)
    call("exec", name, "sh", "-c", "mkdir /uploads; echo mine >/uploads/a; echo x >/tmp/b")
    before = docker.inspect(name)

    async def story() -> None:
        async with _runtime(docker.name("wrote"), tmp_path) as runtime:
            with pytest.raises(GiveUp, match="/uploads/a"):
                await runtime.recreate("web", grace_s=5.0)

    asyncio.run(story())
    assert docker.inspect(name)["Id"] == before["Id"]
    assert call("exec", name, "cat", "/uploads/a") == "mine"


def test_one_that_cannot_start_leaves_the_old_one(docker: Docker, tmp_path: Path) -> None:
    name = docker.name("stuck_web_1")
    labels = [f"{PROJECT}={docker.name('stuck')}", f"{SERVICE}=web", f"{NUMBER}=1"]
    options = [part for label in labels for part in ("--label", label)]
    docker.run(BUSYBOX, "sh", "-c", STAYS, name=name, options=options)
    before = docker.inspect(name)

    async def story() -> None:
        async with _runtime(docker.name("stuck"), tmp_path) as runtime:
            captured = await runtime.capture("web")
            content = dict(captured.content)
            content["config"] = {**captured.content["config"], "Cmd": ["/no/such/program"]}  # type: ignore[dict-item]
            await runtime.apply(type(captured)("web", content))
            with pytest.raises(GiveUp):
                await runtime.restart("web", grace_s=1.0)
            (instance,) = (await runtime.list()).instances
            assert instance.name == name

    asyncio.run(story())
    after = docker.inspect(name)
    assert after["Id"] == before["Id"]
    assert after["State"]["Running"]
    assert len(_all_of(docker, "stuck")) == 1


def _all_of(docker: Docker, project: str) -> list[str]:
    return call("ps", "-aq", "--filter", f"label={PROJECT}={docker.name(project)}").split()
