"""What the demo's person says yes to, when questions come and go."""

from __future__ import annotations

import io
from typing import Any, cast

from everup.demo.chapters.approval import SERVICE, Question
from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.screen import Screen


class Desk:
    """An Everup that asks one question after the other, and withdraws some as they are answered."""

    def __init__(
        self, *asked: str, withdrawn: frozenset[str] = frozenset(), deaf: str = ""
    ) -> None:
        self.asked, self.withdrawn, self.deaf = list(asked), withdrawn, deaf
        self.yes: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/approvals?is_open=true"
        first = self.asked[:1]
        named = [{"id": n, "service": SERVICE, "kind": "restart", "risk": "low"} for n in first]
        return {"approvals": [{"id": "other", "service": "api"}, *named]}

    def post(self, path: str) -> None:
        name = path.split("/")[2]
        if name == self.deaf:
            raise NoAnswer("503: later")
        assert self.asked[0] == name
        if name in self.withdrawn:
            self.asked.pop(0)
            raise NoAnswer(f"409: {name} is withdrawn")
        self.yes.append(name)


class FakeStage:
    def __init__(self, desk: Desk) -> None:
        self.client, self.screen = desk, Screen(io.StringIO())


def question(desk: Desk) -> Question:
    return Question(cast(Stage, FakeStage(desk)))


def test_what_is_asked_gets_one_yes() -> None:
    desk = Desk("apr-1")
    asked = question(desk)
    assert asked.look()
    assert asked.approve() == []
    assert asked.is_answered()
    assert desk.yes == ["apr-1"]


def test_a_question_withdrawn_meanwhile_is_no_miss_and_the_next_is_answered() -> None:
    desk = Desk("apr-1", "apr-2", withdrawn=frozenset({"apr-1"}))
    asked = question(desk)
    assert asked.look()
    assert asked.approve() == []
    assert not asked.is_answered(), "it says yes to what is asked now"
    assert asked.is_answered()
    assert desk.yes == ["apr-2"]


def test_nothing_is_said_while_nothing_is_asked() -> None:
    desk = Desk("apr-1")
    asked = question(desk)
    assert asked.look()
    desk.asked = []
    assert asked.approve() == []
    desk.asked = ["apr-1"]  # the same again: it has had no answer yet
    assert not asked.is_answered()
    assert desk.yes == ["apr-1"]


def test_a_word_that_is_not_taken_is_a_miss() -> None:
    desk = Desk("apr-1", deaf="apr-1")
    asked = question(desk)
    (text,) = asked.approve()
    assert "the word was not taken: 503" in text
