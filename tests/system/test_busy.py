"""Busy databases, for real: a slow snapshot holds a restart back, and a COPY can be seen."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from everup.app import Engine
from everup.loop.busy_signs import sign_of
from everup.loop.control import Control
from everup.model import entries as e
from everup.model.decision import HoldReason
from everup.model.kinds import BusyState
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.processes import create
from everup.signals.probes import redis
from tests.contract.process_lab import WallClock
from tests.system.database_servers import postgres_home, psql, redis_server, running
from tests.system.engine_lab import engine, own_actions
from tests.system.test_database_probes import PASS, pg, verdict

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def tell(port: int, *words: str) -> bytes:
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"*{len(words)}\r\n{parts}".encode())
        return connection.recv(1000)


def held(control: Control) -> str:
    look = control.look
    holds = [d.hold for d in look.decisions if d.hold is not None] if look is not None else []
    return next((h.text for h in holds if h.reason is HoldReason.BUSY), "")


def test_a_snapshot_is_waited_for_and_then_the_sick_one_is_restarted(
    tmp_path: Path, free_port: int
) -> None:
    slow = ["--port", str(free_port), "--dir", str(tmp_path), "--rdb-key-save-delay", "100000"]
    text = f"""
stack: busy
time_scale: 0.1
services:
  store:
    command: {[*redis_server(), *slow]}
    probe: {{exec: "test ! -e {tmp_path}/sick"}}
"""

    async def until_held(made: Engine, word: str) -> None:
        async with asyncio.timeout(30.0):
            while word not in held(made.control):
                await asyncio.sleep(0.05)

    async def story() -> None:
        async with engine(tmp_path, text) as made:
            await until_healthy(made)
            for number in range(200):
                assert (
                    await asyncio.to_thread(tell, free_port, "SET", f"k{number}", "v") == b"+OK\r\n"
                )
            assert (await asyncio.to_thread(tell, free_port, "BGSAVE")).startswith(b"+")
            (tmp_path / "sick").touch()
            await until_held(made, "saves a snapshot")
            state, said = await redis.busy(f"127.0.0.1:{free_port}")
            assert (state, said) == (BusyState.BUSY, "it saves a snapshot")
            assert await own_actions(made) == []
            async with asyncio.timeout(60.0):
                while not (acted := await own_actions(made)):
                    await asyncio.sleep(0.1)
            (tmp_path / "sick").unlink()
            assert acted[0].step.kind == "graceful_restart"
            assert (tmp_path / "dump.rdb").is_file(), "it was let finish"

    asyncio.run(story())


async def until_healthy(made: Engine) -> None:
    async with asyncio.timeout(30.0):
        while True:
            entries = await made.control.journal.entries(limit=100)
            if any(isinstance(entry, e.Verified) and entry.has_passed for _, _, entry in entries):
                return
            await asyncio.sleep(0.05)


def test_postgres_shows_its_copy_without_any_connection_of_ours(
    tmp_path: Path, free_port: int
) -> None:
    with postgres_home(tmp_path / "stack", free_port) as home:
        spec = ServiceSpec(
            "db", command=tuple(pg(home)), user=home.user, directory=str(home.home), port=free_port
        )
        copy = "COPY (SELECT pg_sleep(0.01) FROM generate_series(1, 3000)) TO STDOUT"

        async def story() -> None:
            stack = Stack("s", {"db": spec})
            runtime = await create(stack, tmp_path / "state", WallClock(), Settings())
            try:
                await runtime.start("db")
                async with asyncio.timeout(30.0):
                    while await asyncio.to_thread(verdict, home) is not PASS:
                        await asyncio.sleep(0.05)
                assert sign_of(await runtime.processes("db")) == ""
                with running(psql(home, copy)):
                    async with asyncio.timeout(10.0):
                        while not sign_of(await runtime.processes("db")):
                            await asyncio.sleep(0.05)
                    assert "works on COPY" in sign_of(await runtime.processes("db"))
            finally:
                await runtime.close(stop_services=True)

        asyncio.run(story())
