"""Probes over HTTP and TCP against real sockets, on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from everup.model.kinds import ProbeVerdict
from everup.model.stack import ProbeSpec
from tests.ports import free_port
from tests.system.probe_lab import (
    BRIEF_S,
    FAIL,
    PASS,
    RECOVERING,
    UNKNOWN,
    answer,
    ask,
    once,
    page,
    plain,
    prober,
    served,
    silent,
)

pytestmark = pytest.mark.system


class TestHttp:
    """Over HTTP."""

    SPEC = ProbeSpec(http="http://127.0.0.1:{port}/health")

    @pytest.mark.parametrize(
        ("content", "verdict", "words"),
        [
            (answer("200 OK", b"fine"), PASS, "200 OK"),
            (answer("302 Found", Location="http://127.0.0.1:1/"), PASS, "302 Found"),
            (answer("500 Oh No", b"no disk"), FAIL, "answered 500 Oh No: no disk"),
            (answer("503 Busy", b"", **{"Retry-After": "5"}), FAIL, "answered 503 Busy"),
            (answer("503 Wait", b'{"status": "loading"}'), RECOVERING, "says that it is loading"),
            (b"+PONG\r\n", FAIL, "no whole HTTP answer"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", FAIL, "no whole HTTP answer"),
            (b"", FAIL, "no whole HTTP answer"),
        ],
    )
    def test_what_is_answered(self, content: bytes, verdict: ProbeVerdict, words: str) -> None:
        async def test() -> None:
            async with prober() as asker, served(page(content)) as port:
                result = await ask(asker, self.SPEC, port)
                assert (result.verdict, words in result.detail) == (verdict, True), result
                assert result.latency_s >= 0

        once(test())

    def test_silence_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker, served(silent) as port:
                result = await ask(asker, self.SPEC, port, BRIEF_S)
                # A host too busy to keep time may say that its silence proves nothing.
                assert result.verdict in (FAIL, UNKNOWN)
                assert result.detail.startswith("no answer within 0.3 s")

        once(test())

    def test_a_drip_that_never_ends_does_not_outlast_the_deadline(self) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

        async def test() -> None:
            async with prober() as asker, served(drip) as port:
                result = await ask(asker, self.SPEC, port, BRIEF_S)
                assert result.detail.startswith("no answer within")

        once(test())

    def test_a_long_page_is_read_no_further_than_needed(self) -> None:
        async def test() -> None:
            content = answer("200 OK", b"x" * 1_000_000)
            async with prober() as asker, served(page(content)) as port:
                assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())

    def test_nobody_there_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.SPEC, free_port())
                assert result.verdict is FAIL
                assert result.detail == "connection refused: nothing listens there"

        once(test())

    def test_every_question_has_a_connection_of_its_own(self) -> None:
        visits = 0

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal visits
            visits += 1
            while await reader.readline():
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        async def test() -> None:
            async with prober() as asker, served(keep) as port:
                for _ in range(3):
                    assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())
        assert visits == 3

    def test_a_proxy_of_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

        async def test() -> None:
            async with prober() as asker, served(page(answer("200 OK"))) as port:
                assert (await ask(asker, self.SPEC, port)).verdict is PASS

        once(test())

    def test_a_name_that_cannot_be_resolved_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve = socket.getaddrinfo

        def lost(host: Any, *rest: Any, **named: Any) -> Any:
            if "service" in str(host):
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return resolve(host, *rest, **named)

        monkeypatch.setattr(socket, "getaddrinfo", lost)

        async def test() -> None:
            async with prober() as asker:
                for spec in (ProbeSpec(http="http://service/"), ProbeSpec(tcp="service:80")):
                    result = await ask(asker, spec)
                    assert result.verdict is UNKNOWN
                    assert "cannot be resolved here: Temporary failure" in result.detail

        once(test())

    def test_plain_http_where_tls_is_asked_for_is_a_failure(self) -> None:
        async def test() -> None:
            async with prober() as asker, served(plain) as port:
                spec = ProbeSpec(http="https://127.0.0.1:{port}/")
                assert (await ask(asker, spec, port)).verdict is FAIL

        once(test())

    def test_without_the_port_that_it_needs_nothing_is_asked(self) -> None:
        async def test() -> None:
            async with prober() as asker:
                result = await ask(asker, self.SPEC, None)
                assert result.verdict is UNKNOWN
                assert "not known of the instance" in result.detail

        once(test())


class TestTcp:
    """By connecting."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_a_listener_passes_and_the_answer_says_how_little_that_proves(self, host: str) -> None:
        async def test() -> None:
            async with prober() as asker, served(silent) as port:
                result = await ask(asker, ProbeSpec(tcp=f"{host}:{{port}}"), port)
                assert result.verdict is PASS
                assert "proves only" in result.detail
                result = await ask(asker, ProbeSpec(tcp=f"{host}:{free_port()}"))
                assert result.verdict is FAIL
                assert "refused" in result.detail

        once(test())
