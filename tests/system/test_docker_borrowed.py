"""`network_mode: service:vpn`: who borrows a network is healed when its lender starts anew."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import build_app, discover
from everup.config import load_without_file
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.docker import create
from tests.contract.process_lab import WallClock
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import TIME_SCALE, actions, all_healthy, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

COMPOSE = f"""
version: "2.4"
services:
  vpn:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
  torrent:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    network_mode: service:vpn
"""


@pytest.fixture
def project(docker: Docker, tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "docker-compose.yml"
    file.write_text(COMPOSE, encoding="utf-8")
    word = f"vpn{abs(hash(tmp_path)) % 10**8}"
    docker.compose(word, "-f", str(file), "up", "-d")
    yield docker.name(word)
    docker.compose(word, "-f", str(file), "down", "-v", "-t", "0")


def _network(container: str) -> str:
    pid = call("inspect", "-f", "{{.State.Pid}}", container)
    try:
        return os.readlink(f"/proc/{pid}/ns/net") if pid != "0" else ""
    except FileNotFoundError:  # it died between the two
        return ""


def _is_shared(project: str) -> bool:
    mine = _network(f"{project}_torrent_1")
    return mine != "" and mine == _network(f"{project}_vpn_1")


def test_the_lender_dies_and_the_borrower_comes_along(project: str, tmp_path: Path) -> None:
    async def story() -> None:
        found = await discover.look({})
        loaded = load_without_file({}, {"mode": "auto", "time_scale": TIME_SCALE})
        loaded, _ = discover.load(found, found.named(project), loaded)
        edges = loaded.stack.services["torrent"].depends_on
        assert [(edge.target, edge.kind) for edge in edges] == [("vpn", "hard")]
        everup = build_app(loaded, state_dir=tmp_path / "state")
        await everup.start()
        try:
            await all_healthy(everup)
            assert _is_shared(project)
            pid = int(call("inspect", "-f", "{{.State.Pid}}", f"{project}_vpn_1"))
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not _is_shared(project), "the network is lost", 10)
            await until(lambda: _is_shared(project), "the borrower is on its lender's network", 90)
            assert [a.step.target for a in await actions(everup)] == ["vpn", "torrent"]
        finally:
            await everup.stop()

    asyncio.run(story())


def test_the_lender_is_replaced_and_the_borrower_made_anew(project: str, tmp_path: Path) -> None:
    services = {name: ServiceSpec(name) for name in ("vpn", "torrent")}

    async def story() -> None:
        runtime = await create(
            Stack(project, services, runtime="docker"),
            tmp_path / "state",
            WallClock(),
            Settings().scaled(0.1),
        )
        try:
            await runtime.recreate("vpn", grace_s=1.0)
            assert not _is_shared(project)
            (child,) = [i for i in (await runtime.list()).instances if i.service == "torrent"]
            assert child.check is not None
            assert "replaced" in child.check.detail
            await runtime.restart("torrent", grace_s=1.0)
            assert _is_shared(project)
            await asyncio.sleep(5)  # both old ones go
        finally:
            await runtime.close()
        filters = f"label=com.docker.compose.project={project}"
        assert len(call("ps", "-aq", "--filter", filters).split()) == 2

    asyncio.run(story())
