"""From what PostgreSQL and Redis say to a verdict, and from a socket's path to a conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.kinds import ProbeVerdict
from everup.model.observation import Heard
from everup.signals.child import Finished
from everup.signals.probes import postgres, redis
from everup.signals.probes.command import judge_command
from everup.signals.probes.http import Page, judge_page

PASS, FAIL = ProbeVerdict.PASS, ProbeVerdict.FAIL
RECOVERING, UNKNOWN = ProbeVerdict.RECOVERING, ProbeVerdict.UNKNOWN


def error(code: str, text: str) -> bytes:
    return f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode()


@pytest.mark.parametrize(
    ("code", "text", "verdict", "said"),
    [
        ("28000", 'no pg_hba.conf entry for host "127.0.0.1"', PASS, "serves"),
        ("28P01", "password authentication failed", PASS, "serves"),
        ("3D000", 'database "postgres" does not exist', PASS, "serves"),
        ("42501", "permission denied for database", PASS, "serves"),
        ("57P03", "the database system is starting up", RECOVERING, "coming"),
        ("57P03", "the database system is in recovery mode", RECOVERING, "coming"),
        ("57P03", "das Datenbanksystem startet", RECOVERING, "coming"),
        ("57P03", "the database system is shutting down", FAIL, "shutting down"),
        ("57P01", "terminating connection due to administrator command", FAIL, "shutting down"),
        ("57P02", "terminating connection because of crash", FAIL, "crashed"),
        ("53300", "sorry, too many clients already", FAIL, "no connection left"),
        ("53200", "out of memory", FAIL, "out of memory"),
        ("XX000", "cache lookup failed", FAIL, "XX000"),
        ("08P01", "server login failed", UNKNOWN, "pooler"),
    ],
)
def test_postgres_is_judged_by_its_sqlstate(
    code: str, text: str, verdict: ProbeVerdict, said: str
) -> None:
    answer = postgres.judge_error(error(code, text))
    assert answer.verdict is verdict
    assert said in answer.detail


@pytest.mark.parametrize(
    ("line", "verdict", "said"),
    [
        (b"+PONG", PASS, "PONG"),
        (b"-NOAUTH Authentication required.", PASS, "wants a password"),
        (b"-NOPERM this user has no permissions", PASS, "may not ask"),
        (b"-DENIED Redis is running in protected mode", PASS, "not to us"),
        (b"-LOADING Redis is loading the dataset in memory", RECOVERING, "coming"),
        (b"-MASTERDOWN Link with MASTER is down", FAIL, "lost its master"),
        (b"-BUSY Redis is busy running a script.", FAIL, "script"),
        (b"-MISCONF Redis is configured to save RDB snapshots", FAIL, "to disk"),
        (b"-ERR max number of clients reached", FAIL, "max number of clients"),
        (b"HTTP/1.1 400 Bad Request", FAIL, "does not speak Redis"),
    ],
)
def test_redis_is_judged_by_its_first_word(line: bytes, verdict: ProbeVerdict, said: str) -> None:
    answer = redis.judge_reply(line)
    assert answer.verdict is verdict
    assert said in answer.detail


@given(st.binary(max_size=300))
def test_no_bytes_break_the_judges(data: bytes) -> None:
    assert postgres.judge_error(data).detail
    assert redis.judge_reply(data).detail


async def _served(path: Path, said: bytes) -> ProbeVerdict:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        writer.close()

    async with await asyncio.start_unix_server(visit, str(path)):
        return (await postgres.ask(str(path))).verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"R\0\0\0\x08\0\0\0\x0a", PASS),
        (b"v\0\0\0\x0c\0\3\0\0\0\0\0\0", PASS),
        (b"Ecould not fork new process for connection: out of memory\n\0", FAIL),
        (b"HTTP/1.1 400 Bad Request\r\n", FAIL),
    ],
)
def test_the_first_answer_of_a_session(tmp_path: Path, said: bytes, verdict: ProbeVerdict) -> None:
    assert asyncio.run(_served(tmp_path / "s", said)) is verdict


def test_a_socket_that_is_not_there_is_refused_and_a_cut_answer_reset(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(redis.ask(str(tmp_path / "nothing")))
    with pytest.raises(ConnectionResetError):
        asyncio.run(_served(tmp_path / "s", b"R\0\0"))


@pytest.mark.parametrize(("code", "verdict"), [(0, PASS), (1, RECOVERING), (2, FAIL), (3, UNKNOWN)])
def test_a_quiet_pg_isready_is_understood_by_its_code(code: int, verdict: ProbeVerdict) -> None:
    assert judge_command(Finished(code, ""), "pg_isready").verdict is verdict
    assert judge_command(Finished(1, ""), "my_check").verdict is FAIL


def test_only_the_service_speaks_for_itself() -> None:
    assert judge_page(Page(500, "Oops", b""), (200, 399)).heard is Heard.ANSWER
    assert judge_command(Finished(1, ""), "my_check").heard is Heard.CHECK


def test_a_503_with_retry_after_alone_is_not_recovering() -> None:
    # The probe does not even read the header: busy proxies and broken services send it too.
    answer = judge_page(Page(503, "Service Unavailable", b"Retry-After: 30"), (200, 399))
    assert answer.verdict is FAIL
