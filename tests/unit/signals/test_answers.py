"""From a page, or a command's end, to a verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.kinds import ProbeVerdict
from everup.signals.child import Finished
from everup.signals.probes.answer import excerpt
from everup.signals.probes.command import judge_command
from everup.signals.probes.http import BODY_MOST_BYTES, HttpAsker, judge_page
from everup.signals.probes.plain import Page

PASS, FAIL = ProbeVerdict.PASS, ProbeVerdict.FAIL
RECOVERING, UNKNOWN = ProbeVerdict.RECOVERING, ProbeVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("status", "expect", "verdict"),
    [
        (200, (200, 399), PASS),
        (399, (200, 399), PASS),
        (302, (200, 200), FAIL),
        (404, (200, 399), FAIL),
        (503, (200, 399), FAIL),
        (503, (503, 503), PASS),
    ],
)
def test_the_status_decides(status: int, expect: tuple[int, int], verdict: ProbeVerdict) -> None:
    assert judge_page(Page(status, "Word", b""), expect).verdict is verdict


@pytest.mark.parametrize("word", ["starting", "loading", "recovering", "Starting "])
def test_a_503_that_says_it_is_coming_is_recovering(word: str) -> None:
    body = json.dumps({"status": word, "more": 1}).encode()
    answer = judge_page(Page(503, "Service Unavailable", body), (200, 399))
    assert answer.verdict is RECOVERING
    assert word.strip().lower() in answer.detail


@pytest.mark.parametrize(
    "body",
    [
        b"starting",
        b'{"status": "down"}',
        b'{"state": "starting"}',
        b'["starting"]',
        b'{"status": ["starting"]}',
        b'{"status": "starting"',
        b"[" * 4096,
        b"\xff\xfe",
        b"",
    ],
)
def test_a_503_that_says_anything_else_is_a_failure(body: bytes) -> None:
    assert judge_page(Page(503, "Service Unavailable", body), (200, 399)).verdict is FAIL


def test_a_500_that_says_it_is_starting_is_a_failure() -> None:
    assert judge_page(Page(500, "", b'{"status": "starting"}'), (200, 399)).verdict is FAIL


def test_a_failure_quotes_the_beginning_of_the_page() -> None:
    answer = judge_page(Page(500, "Internal Server Error", b"\x1b[31mno\ndisk\x00 "), (200, 399))
    assert answer.detail == "answered 500 Internal Server Error: [31mno disk"


@given(st.text())
def test_an_excerpt_is_one_short_printable_line(text: str) -> None:
    line = excerpt(text)
    assert len(line) <= 120
    assert line.isprintable()


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (0, "PONG\n", PASS),
        (0, "", PASS),
        (1, "nobody there", FAIL),
        (2, "", FAIL),
        (1, "psql: FATAL:  the database system is starting up", RECOVERING),
        (2, "FATAL: the database system is in recovery mode", RECOVERING),
        (0, "standby is in recovery, and well", PASS),
        (-9, "the database system is starting up", UNKNOWN),
        (0, "LOADING Redis is loading the dataset in memory", RECOVERING),
        (1, "/tmp:5432 - rejecting connections", RECOVERING),
        (-9, "", UNKNOWN),
        (-13, "", UNKNOWN),
        (126, "sh: 1: ./x: Permission denied", UNKNOWN),
        (127, "sh: 1: pg_isready: not found", UNKNOWN),
    ],
)
def test_a_command_is_judged_by_what_it_says_and_how_it_ends(
    code: int, output: str, verdict: ProbeVerdict
) -> None:
    answer = judge_command(Finished(code, output))
    assert answer.verdict is verdict
    if output.strip():
        assert " ".join(output.split()) in answer.detail


def test_a_question_is_asked_once_and_read_no_further_than_the_bound() -> None:
    asked: list[httpx2.Request] = []

    async def endless() -> None:
        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            return httpx2.Response(302, headers={"location": "/else"}, content=body())

        pages = HttpAsker(httpx2.MockTransport(answer))
        page = await pages.fetch("http://service/health")
        assert (page.status, len(page.body)) == (302, BODY_MOST_BYTES)
        await pages.close()

    asyncio.run(endless())
    assert len(asked) == 1
    assert asked[0].headers["connection"] == "close"
