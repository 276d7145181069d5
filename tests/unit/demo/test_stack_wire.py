"""The three protocols, byte by byte."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.demo.stack.wire import http, pgwire, resp
from everup.demo.stack.wire.resp import ProtocolError, RedisError
from everup.demo.stack.wire.scram import ScramClient


def read(data: bytes, parse: Callable[[asyncio.StreamReader], Awaitable[Any]]) -> Any:
    """Feeds bytes and the end of the connection to a parser."""

    async def run() -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await parse(reader)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":42\r\n", 42),
        (b"$5\r\nhe\r\no\r\n", "he\r\no"),
        (b"$0\r\n\r\n", ""),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*2\r\n$1\r\na\r\n*1\r\n:7\r\n", ["a", [7]]),
    ],
)
def test_redis_replies(data: bytes, value: resp.Reply) -> None:
    assert read(data, resp.read_reply) == value


def test_a_redis_error_has_its_code() -> None:
    with pytest.raises(RedisError) as raised:
        read(b"-LOADING Redis is loading the dataset in memory\r\n", resp.read_reply)
    assert raised.value.code == "LOADING"


@pytest.mark.parametrize("data", [b"", b"+OK", b"$5\r\nhel", b"*2\r\n:1\r\n"])
def test_a_broken_off_redis_reply_is_an_end(data: bytes) -> None:
    with pytest.raises(EOFError):
        read(data, resp.read_reply)


@pytest.mark.parametrize("data", [b"!x\r\n", b"$many\r\n", b"$99999999999\r\n", b"*-2\r\n"])
def test_what_is_no_redis_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(data, resp.read_reply)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_redis_commands_are_arrays_of_strings(parts: list[str]) -> None:
    assert read(resp.encode(*parts), resp.read_reply) == parts


def test_http_request_and_response_fit_together() -> None:
    data = b"POST /a%20b?x=1&y=%C3%A9 HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}rest"
    request = read(data, http.read_request)
    assert (request.method, request.path, request.query) == ("POST", "/a b", {"x": "1", "y": "é"})
    assert request.json() == {}
    assert request.keeps_alive
    rendered = http.render(503, {"status": "unhealthy"})
    assert read(rendered, http._read_response) == (503, {"status": "unhealthy"})
    assert read(http.render(200, "fine"), http._read_response) == (200, "fine")


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100 + b"\r\n",
    ],
)
def test_bad_http_is_refused(data: bytes) -> None:
    with pytest.raises(http.BadRequest):
        read(data, http.read_request)


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff"])
def test_a_body_must_be_a_json_object(body: bytes) -> None:
    with pytest.raises(http.BadRequest):
        http.Request("POST", "/knobs", body=body).json()


def test_scram_gives_the_proof_of_the_rfc() -> None:
    client = ScramClient("pencil", user="user", nonce="rOprNGfwEbeRWgbNEkqO")
    assert client.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    proof = client.final(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert proof == f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(ConnectionError):
        client.verify("v=somethingelse")


def test_scram_refuses_a_nonce_that_is_not_ours() -> None:
    with pytest.raises(ConnectionError):
        ScramClient("pencil", nonce="mine").final("r=yours,s=AAAA,i=4096")


def test_postgres_rows_keep_null_apart_from_empty() -> None:
    body = struct.pack("!hi", 3, -1) + struct.pack("!i", 0) + struct.pack("!i", 2) + b"42"
    assert pgwire._row(body) == (None, "", "42")


def test_postgres_errors_tell_whether_the_session_goes_on() -> None:
    starting = pgwire._error(b"SFATAL\0C57P03\0Mthe database system is starting up\0\0")
    assert starting.sqlstate == "57P03"
    assert starting.ends_session
    assert not pgwire._error(b"SERROR\0C23505\0Mduplicate key\0\0").ends_session
