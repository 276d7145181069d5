"""Snapshots of twelve real containers: how long, how large, and a flipped bit found by name."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
import uvicorn

from everup.api import create_api
from everup.app import Engine
from everup.model.snapshot import SnapshotReason
from tests.docker_engine import BUSYBOX, Docker, call
from tests.ports import free_port
from tests.system.docker_stack import Shop, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SERVICES = 12
SLOW_S = 120.0
_SERVICE = """
  s{number}:
    image: {image}
    environment: {{COLOUR: green, NUMBER: "{number}", PASSWORD: hunter2-{number}}}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    stop_grace_period: 1s
"""


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def _taken(engine: Engine, by: str = "ann") -> tuple[str, float]:
    began_s = time.monotonic()
    snapshot = await engine.control.snapshots.take(SnapshotReason.BY_HAND, by, 60.0)
    assert not [part.missing for part in snapshot.services.values() if part.missing]
    return snapshot.id, time.monotonic() - began_s


async def _everup(engine: Engine, folder: Path, *words: str) -> tuple[int, str]:
    """The verb, over the API of this engine."""
    port = free_port()
    config = uvicorn.Config(create_api(engine), port=port, log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the API answers")
    try:
        program = (sys.executable, "-m", "everup.cli", *words, "--url", f"http://127.0.0.1:{port}")
        process = await asyncio.create_subprocess_exec(
            *program, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), SLOW_S)
        assert process.returncode is not None
        return process.returncode, said.decode()
    finally:
        server.should_exit = True
        await serving


def test_twelve_containers_are_recorded_quickly_shared_and_proven(
    docker: Docker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(_SERVICE.format(number=n, image=BUSYBOX) for n in range(SERVICES))
    shop = Shop(docker, "twelve", tmp_path, f'version: "2.4"\nservices:\n{text}')
    shop.compose("up", "-d")
    folder = tmp_path / "state"

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await until(lambda: engine.control.state.snapshots, "the first is taken", SLOW_S)
            await until(lambda: _safe(engine) == SERVICES, "all are kept to go back to", SLOW_S)
            _, first_s = await _taken(engine)
            before, objects = _bytes_of(folder / "vault"), await _objects(engine)
            kept, again_s = await _taken(engine)
            grown = _bytes_of(folder / "vault") - before
            with capsys.disabled():
                print(f"\n{SERVICES} containers: {first_s:.2f} s, again {again_s:.2f} s, {grown} B")
            assert await _objects(engine) == objects + 1, "every part is shared"
            assert grown < 10_000
            assert not [
                p for p in folder.rglob("*") if p.is_file() and b"hunter2" in p.read_bytes()
            ]
            names = call("images", "--format", "{{.Repository}}", "everup-kept").split()
            assert names, "the images have a name of ours"

            code, said = await _everup(engine, tmp_path, "snapshot", "verify")
            assert (code, "as they were put there" in said) == (0, True), said
            snapshot = await engine.control.snapshots.get(kept)
            assert snapshot is not None
            digest = snapshot.services["s7"].digest
            path = folder / "vault" / digest[:2] / digest[2:]
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 16
            path.write_bytes(content)
            code, said = await _everup(engine, tmp_path, "snapshot", "verify")
            assert code == 1
            assert f"{digest} is damaged" in said
            assert f"{kept}: the configuration of s7" in said

            shop.file.write_text(
                shop.file.read_text().replace('COLOUR: green, NUMBER: "3"', 'NUMBER: "3"'),
                encoding="utf-8",
            )
            shop.compose("up", "-d", "--no-deps", "s3")
            code, said = await _everup(engine, tmp_path, "snapshot", "diff", kept, "--json")
            changes = {change["service"]: change for change in json.loads(said)["changes"]}
            assert "env.COLOUR: is gone" in changes["s3"]["lines"]
            assert changes["s3"]["by"] == "somebody else"
            assert {"", "s3"} <= set(changes) <= {"", "s3", "s7"}, (
                "the Compose file too; s7 is damaged"
            )
            assert "green" not in said, "values of the environment are never shown"
            code, said = await _everup(engine, tmp_path, "snapshot", "list")
            assert kept in said

    try:
        asyncio.run(story())
    finally:
        shop.compose("down", "-t", "0")


def _safe(engine: Engine) -> int:
    return sum(bool(one.safe_points) for one in engine.control.state.services.values())


async def _objects(engine: Engine) -> int:
    return (await engine.control.snapshots.verify("the test")).objects
