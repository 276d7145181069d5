"""What strangers answer: memcached's words, and pages of whom nobody said which one is good."""

from __future__ import annotations

import pytest

from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance
from everup.signals.probes.memcached import judge_line
from everup.signals.probes.plain import Page
from everup.signals.probes.stranger import REMEMBERED_MOST, Strangers

PASS, FAIL, RECOVERING = ProbeVerdict.PASS, ProbeVerdict.FAIL, ProbeVerdict.RECOVERING


def _instance(life: str = "1", make: str = "c1") -> Instance:
    return Instance("web", "web_1", life, InstanceState.RUNNING, make=make)


def _page(status: int, body: bytes = b"") -> Page:
    return Page(status, "", body)


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b"VERSION 1.6.21", PASS),
        (b"ERROR", PASS),
        (b"CLIENT_ERROR unauthenticated", PASS),
        (b"SERVER_ERROR out of memory", FAIL),
        (b"HTTP/1.1 400 Bad Request", FAIL),
    ],
)
def test_memcached_is_judged_by_its_first_line(line: bytes, verdict: ProbeVerdict) -> None:
    assert judge_line(line).verdict is verdict


@pytest.mark.parametrize("status", [200, 301, 401, 404, 429, 500, 503])
def test_whoever_answers_at_all_lives(status: int) -> None:
    assert Strangers().judge(_instance(), _page(status)).verdict is PASS


def test_only_who_answered_better_is_ill_with_5xx_and_nobody_with_4xx() -> None:
    strangers = Strangers()
    verdicts = [
        strangers.judge(_instance(), _page(status)).verdict for status in (500, 404, 502, 403)
    ]
    assert verdicts == [PASS, PASS, FAIL, PASS]
    assert strangers.judge(_instance("2"), _page(500)).verdict is FAIL, "the same container"
    assert strangers.judge(_instance(make="c2"), _page(500)).verdict is PASS, "another one"


def test_who_says_that_it_is_coming_is_not_ill() -> None:
    strangers = Strangers()
    strangers.judge(_instance(), _page(200))
    assert strangers.judge(_instance(), _page(503, b'{"status": "starting"}')).verdict is RECOVERING


def test_what_is_remembered_is_bounded() -> None:
    strangers = Strangers()
    for number in range(REMEMBERED_MOST + 1):
        strangers.judge(_instance(make=f"c{number}"), _page(200))
    assert strangers.judge(_instance(make="c0"), _page(500)).verdict is PASS
