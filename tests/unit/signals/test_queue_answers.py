"""What queues answer: numbers, and nothing that could be taken for one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.sizing import QueueSpec
from everup.model.stack import ServiceSpec
from everup.signals.probes.plain import Page
from everup.signals.queues import create_queue_sense, number, redis
from everup.signals.queues.sense import LiveQueueSense, filled


@pytest.mark.parametrize(("text", "value"), [("17", 17.0), (" 0\n", 0.0), ("2.5", 2.5)])
def test_a_number_alone(text: str, value: float) -> None:
    assert number.of_text(text) == value


@pytest.mark.parametrize("text", ["", "many", "17 jobs", "-1", "nan", "inf", "1" * 50])
def test_what_is_no_number_of_entries(text: str) -> None:
    with pytest.raises(GiveUp, match="no number"):
        number.of_text(text)


@pytest.mark.parametrize(
    ("content", "path", "value"),
    [
        ({"length": 3}, "length", 3.0),
        ({"queues": [{"waiting": 1}, {"waiting": 2.5}]}, "queues.1.waiting", 2.5),
        ({"n": "12"}, "n", 12.0),
        ([[4]], "0.0", 4.0),
    ],
)
def test_a_field_of_json(content: object, path: str, value: float) -> None:
    assert number.of_json(json.dumps(content).encode(), path) == value


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"no", "a"),
        (b'{"a": 1}', "b"),
        (b'{"a": 1}', "a.b"),
        (b'{"a": true}', "a"),
        (b'{"a": null}', "a"),
        (b'{"a": -1}', "a"),
        (b'{"a": 1e999}', "a"),
        (b"[1]", "1"),
        (b"[" * 2000, "0"),
        (b'{"a": {"b": 1}}', "a"),
    ],
)
def test_what_has_no_such_number(body: bytes, path: str) -> None:
    with pytest.raises(GiveUp):
        number.of_json(body, path)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_body_is_misread(body: bytes, path: str) -> None:
    with contextlib.suppress(GiveUp):
        assert number.of_json(body, path) >= 0.0


@contextlib.asynccontextmanager
async def saying(answers: list[bytes], heard: bytearray | None = None) -> AsyncIterator[str]:
    """A server that answers each command with the next of these."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            asked = await reader.read(4096)
            if not asked:
                break
            if heard is not None:
                heard.extend(asked)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def length(*answers: bytes, database: str = "0") -> float:
    async def ask() -> float:
        async with saying(list(answers)) as address:
            return await asyncio.wait_for(redis.length(f"{address}/{database}", "jobs"), 5.0)

    return asyncio.run(ask())


def group(**fields: object) -> bytes:
    def one(value: object) -> bytes:
        if value is None:
            return b"$-1\r\n"
        if isinstance(value, int):
            return b":%d\r\n" % value
        text = str(value).encode()
        return b"$%d\r\n%b\r\n" % (len(text), text)

    cells = [one(cell) for pair in fields.items() for cell in pair]
    return b"*%d\r\n%b" % (len(cells), b"".join(cells))


def test_a_stream_counts_what_its_last_group_has_not_done() -> None:
    groups = b"*2\r\n" + group(name="a", pending=2, lag=3) + group(name="b", pending=0, lag=9)
    assert length(b"+stream\r\n", groups) == 9.0
    assert length(b"+stream\r\n", b"*0\r\n", b":41\r\n") == 41.0, "nobody reads it in a group"


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ((b"+stream\r\n", b"*1\r\n" + group(name="a", pending=2)), GiveUp, "Redis 7"),
        ((b"+stream\r\n", b"*1\r\n" + group(pending=2, lag=None)), TryAgain, "cannot say"),
        ((b"+stream\r\n", b":1\r\n"), GiveUp, "does not speak Redis"),
        ((b"+string\r\n",), GiveUp, "holds a string"),
        ((b"-NOAUTH Authentication required.\r\n",), GiveUp, "wants an account"),
        ((b"-LOADING Redis is loading\r\n",), TryAgain, "LOADING"),
        ((b"-ERR what\r\n",), GiveUp, "ERR what"),
        ((b"HTTP/1.1 400 Bad\r\n",), GiveUp, "does not speak Redis"),
        ((b"+list\r\n", b"*9999999\r\n"), GiveUp, "too long"),
        ((b"+list\r\n", b"$-1\r\n"), GiveUp, "does not speak Redis"),
    ],
)
def test_what_stands_in_the_way_is_named(
    answers: tuple[bytes, ...], error: type[EverupError], said: str
) -> None:
    with pytest.raises(error, match=said):
        length(*answers)


def test_another_database_is_chosen_first() -> None:
    assert length(b"+OK\r\n", b"+list\r\n", b":5\r\n", database="3") == 5.0
    assert length(b"+none\r\n") == 0.0
    with pytest.raises(ConnectionError):
        length(b"+list\r\n", b"")


def test_an_account_is_said_first_and_its_password_nowhere() -> None:
    heard = bytearray()

    async def ask(environ: dict[str, str], *answers: bytes) -> float:
        async with saying(list(answers), heard) as address:
            spec = QueueSpec(f"{address}/0", "jobs", user="app", password_env="JOBS")
            sense = create_queue_sense(cast(Any, None), environ)
            try:
                return await sense.length(spec, ServiceSpec("worker"), (), 5.0)
            finally:
                await sense.close()

    assert asyncio.run(ask({"JOBS": "s3cret"}, b"+OK\r\n", b"+list\r\n", b":5\r\n")) == 5.0
    assert heard.startswith(b"*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\ns3cret\r\n")
    with pytest.raises(GiveUp, match="knows no such user") as wrong:
        asyncio.run(ask({"JOBS": "s3cret"}, b"-WRONGPASS invalid pair\r\n"))
    assert "s3cret" not in str(wrong.value) + repr(redis.Account("app", "s3cret"))
    with pytest.raises(GiveUp, match="names JOBS, which is not set"):
        asyncio.run(ask({}))


def instance(**changes: object) -> Instance:
    return Instance("a", "a-0", "1", InstanceState.RUNNING, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["redis", "http", "command"])
def test_marks_are_each_instances_own(key: str) -> None:
    make: dict[str, Callable[[str], QueueSpec]] = {
        "redis": lambda at: QueueSpec(f"{at}/0", "jobs"),
        "http": lambda at: QueueSpec(http=f"http://{at}/q"),
        "command": lambda at: QueueSpec(command=("count", at)),
    }
    marked, plain = make[key]("{host}:{port}"), make[key]("10.0.0.3:8000")
    assert filled(marked, instance(port=8000, address="10.0.0.3")) == plain
    with pytest.raises(TryAgain, match="is not known"):
        filled(marked, instance(port=8000))


def test_what_an_address_asks_with_is_in_no_error() -> None:
    """It may be a token, and errors end up in logs."""

    class Refuses:
        async def fetch(self, url: str) -> Page:
            assert url.endswith("?token=s3cret")
            return Page(403, "Forbidden", b"")

    sense = LiveQueueSense(Refuses(), None, {})  # type: ignore[arg-type]
    spec = QueueSpec(http="http://q:80/length?token=s3cret#n")
    with pytest.raises(GiveUp) as refused:
        asyncio.run(sense.length(spec, ServiceSpec("a"), (), 5.0))
    assert str(refused.value) == "http://q:80/length: answered 403 Forbidden"
