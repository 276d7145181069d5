"""The probes that speak PostgreSQL and Redis, against real servers in the states that matter."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.demo.stack.servers.postgres import PreparedPostgres
from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance, ProbeResult
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.signals.probes import create_prober
from tests.contract.process_lab import WallClock
from tests.system.database_servers import postgres_home, psql, redis_server, running, wait_until

pytestmark = pytest.mark.system

PASS, FAIL = ProbeVerdict.PASS, ProbeVerdict.FAIL
RECOVERING = ProbeVerdict.RECOVERING


def ask(spec: ProbeSpec, timeout_s: float = 5.0) -> ProbeResult:
    async def once() -> ProbeResult:
        prober = create_prober(WallClock(), Settings())
        try:
            instance = Instance("db", "db-0", "1.1@x", InstanceState.RUNNING)
            return await prober.probe(spec, ServiceSpec("db"), instance, timeout_s)
        finally:
            await prober.close()

    return asyncio.run(once())


@pytest.fixture
def home(tmp_path: Path, free_port: int) -> Iterator[PreparedPostgres]:
    with postgres_home(tmp_path / "stack", free_port) as prepared:
        yield prepared


def pg(prepared: PreparedPostgres, *more: str) -> list[str]:
    return [*prepared.command, *(word for option in more for word in ("-c", option))]


def verdict(prepared: PreparedPostgres) -> ProbeVerdict:
    return ask(ProbeSpec(postgres=f"127.0.0.1:{prepared.port}")).verdict


def test_postgres_passes_without_any_account_of_ours(home: PreparedPostgres) -> None:
    target = f"127.0.0.1:{home.port}"
    refused = ask(ProbeSpec(postgres=target))
    assert (refused.verdict, refused.detail) == (
        FAIL,
        "connection refused: nothing listens there",
    )
    sockets = home.home / "sockets"
    sockets.mkdir()
    os.chmod(sockets, 0o777)
    with running(pg(home, f"unix_socket_directories={sockets}"), user=home.user) as server:
        wait_until(lambda: verdict(home) is PASS)
        by_path = ask(ProbeSpec(postgres=f"{sockets}/.s.PGSQL.{home.port}"))
        assert by_path.verdict is PASS, by_path
        os.kill(server.pid, signal.SIGSTOP)
        silent = ask(ProbeSpec(postgres=target), 0.5)
        assert (silent.verdict, silent.detail) == (FAIL, "no answer within 0.5 s")
        os.kill(server.pid, signal.SIGCONT)
        assert verdict(home) is PASS


def test_a_standby_that_takes_no_sessions_is_recovering_all_the_while(
    home: PreparedPostgres,
) -> None:
    replica = ("wal_level=replica", "max_wal_senders=2")
    with running(pg(home, *replica), user=home.user) as server:
        wait_until(lambda: verdict(home) is PASS)
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    (home.data / "standby.signal").touch()
    os.chmod(home.data / "standby.signal", 0o644)
    with running(pg(home, *replica, "hot_standby=off"), user=home.user):
        wait_until(lambda: verdict(home) is RECOVERING)
        until_s = time.monotonic() + 3.0
        while time.monotonic() < until_s:
            answer = ask(ProbeSpec(postgres=f"127.0.0.1:{home.port}"))
            assert answer.verdict is RECOVERING, answer
            assert "57P03" in answer.detail
            time.sleep(0.1)


def test_a_replay_after_a_kill_is_recovering_and_then_passes(home: PreparedPostgres) -> None:
    loose = ("fsync=off", "max_wal_size=4GB", "checkpoint_timeout=1h", "synchronous_commit=off")
    with running(pg(home, *loose), user=home.user) as server:
        wait_until(lambda: verdict(home) is PASS)
        many = "INSERT INTO memories (text) SELECT repeat('x', 300) FROM generate_series(1, 250000)"
        subprocess.run(psql(home, many), check=True, timeout=120)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)
    (home.data / "postmaster.pid").unlink(missing_ok=True)
    seen: list[ProbeVerdict] = []
    with running(pg(home, *loose), user=home.user):

        def serves() -> bool:
            seen.append(verdict(home))
            return seen[-1] is PASS

        wait_until(serves, 60)
    assert RECOVERING in seen
    first = seen.index(RECOVERING)
    assert set(seen[first:-1]) == {RECOVERING}, "never sick between coming and there"


def test_a_full_postgres_says_so(home: PreparedPostgres) -> None:
    tight = ("max_connections=1", "superuser_reserved_connections=0", "autovacuum=off")
    with running(pg(home, *tight), user=home.user):
        wait_until(lambda: verdict(home) is PASS)
        sleeper = shlex.join(psql(home, "SELECT pg_sleep(60)"))
        # Its first tries may find the one place still taken by the question before.
        with running(["sh", "-c", f"until {sleeper}; do sleep 0.1; done"]):
            wait_until(lambda: all(_is_full(home) for _ in range(3)), 10)
            assert verdict(home) is FAIL


def _is_full(home: PreparedPostgres) -> bool:
    """A single no may be for want of the place that the question before had."""
    answer = ask(ProbeSpec(postgres=f"127.0.0.1:{home.port}"))
    return "no connection left: 53300" in answer.detail


def redis(folder: Path, port: int, *more: str) -> list[str]:
    return [*redis_server(), "--port", str(port), "--dir", str(folder), *more]


def of(port: int, timeout_s: float = 5.0) -> ProbeResult:
    return ask(ProbeSpec(redis=f"127.0.0.1:{port}"), timeout_s)


@pytest.mark.parametrize("password", ["", "secret"])
def test_redis_passes_with_and_without_a_password(
    tmp_path: Path, free_port: int, password: str
) -> None:
    socket = tmp_path / "r.sock"
    more = ["--unixsocket", str(socket), *(["--requirepass", password] if password else [])]
    with running(redis(tmp_path, free_port, *more)) as server:
        wait_until(lambda: of(free_port).verdict is PASS)
        assert ("wants a password" in of(free_port).detail) == bool(password)
        assert ask(ProbeSpec(redis=str(socket))).verdict is PASS
        os.kill(server.pid, signal.SIGSTOP)
        assert of(free_port, 0.5).detail == "no answer within 0.5 s"


def test_redis_that_loads_its_data_is_recovering_and_then_passes(
    tmp_path: Path, free_port: int
) -> None:
    with running(redis(tmp_path, free_port, "--rdbcompression", "no")) as server:
        wait_until(lambda: of(free_port).verdict is PASS)
        _tell(free_port, "DEBUG", "POPULATE", "3000", "k", "10000")
        _tell(free_port, "SAVE")
        server.kill()
        server.wait(10)
    # It looks at its clients after each 2 MB that it has read.
    seen: list[ProbeVerdict] = []
    with running(redis(tmp_path, free_port, "--key-load-delay", "1000")):

        def serves() -> bool:
            seen.append(of(free_port).verdict)
            return seen[-1] is PASS

        wait_until(serves, 60)
    first = seen.index(RECOVERING)
    assert seen[first:].count(RECOVERING) > 3
    assert set(seen[first:-1]) == {RECOVERING}


def test_redis_that_runs_an_endless_script_says_so(tmp_path: Path, free_port: int) -> None:
    with running(redis(tmp_path, free_port, "--lua-time-limit", "100")):
        wait_until(lambda: of(free_port).verdict is PASS)
        script = _send(free_port, "EVAL", "while true do end", "0")
        try:
            wait_until(lambda: "script" in of(free_port).detail, 10)
        finally:
            _tell(free_port, "SCRIPT", "KILL")
            script.close()


def _send(port: int, *words: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    connection.sendall(f"*{len(words)}\r\n{parts}".encode())
    return connection


def _tell(port: int, *words: str) -> None:
    with _send(port, *words) as connection:
        assert connection.recv(1000).startswith(b"+OK"), words
