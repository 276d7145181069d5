"""The rules of the demo: which actions are wrong, what the table shows, when the exit code is 0."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.demo.screen import COLUMNS, Screen
from everup.demo.story import (
    Allowance,
    Deed,
    Row,
    cells,
    judge,
    own_deeds,
    short,
    strays,
    wrong_deeds,
)


def deed(number: int, service: str, *, origin: str = "recovery", kind: str = "restart") -> Deed:
    return Deed(f"act-{number}", service, kind, origin, "verified", float(number))


GOOD = Row("crash of api", 0.4, 3.14, 1, (), "3 probes in a row passed")


def test_the_allowed_action_is_right() -> None:
    assert wrong_deeds([deed(1, "api")], Allowance("api", 1)) == ()


def test_an_action_on_another_service_is_wrong() -> None:
    (text,) = wrong_deeds([deed(1, "api"), deed(2, "webui")], Allowance("api", 1))
    assert "webui" in text


def test_a_second_action_is_wrong_where_once_was_enough() -> None:
    (text,) = wrong_deeds([deed(2, "api"), deed(1, "api")], Allowance("api", 1))
    assert "once more than was enough" in text


def test_where_nothing_is_called_for_every_action_is_wrong() -> None:
    assert len(wrong_deeds([deed(1, "api"), deed(2, "redis")], Allowance())) == 2


def test_what_a_person_asks_for_is_never_a_wrong_action() -> None:
    asked = [deed(1, "webui", origin="person"), deed(2, "redis", origin="person")]
    assert wrong_deeds(asked, Allowance()) == ()
    assert own_deeds(asked) == []


@given(
    st.lists(st.tuples(st.sampled_from(["api", "redis", "webui"]), st.booleans()), max_size=20),
    st.integers(0, 5),
)
def test_every_own_action_is_either_allowed_or_wrong(
    drawn: list[tuple[str, bool]], most: int
) -> None:
    deeds = [
        deed(number, service, origin="person" if is_asked else "recovery")
        for number, (service, is_asked) in enumerate(drawn)
    ]
    own = own_deeds(deeds)
    right = min(most, sum(1 for one in own if one.service == "api"))
    assert len(wrong_deeds(deeds, Allowance("api", most))) == len(own) - right


def test_an_action_outside_of_every_chapter_is_a_stray() -> None:
    deeds = [deed(1, "api"), deed(2, "redis"), deed(3, "webui", origin="person")]
    (text,) = strays(deeds, {"act-1"})
    assert "redis" in text


def test_the_verdict_is_good_only_when_all_chapters_are() -> None:
    assert judge([GOOD, GOOD], 2).is_right


@pytest.mark.parametrize(
    ("rows", "stray", "word"),
    [
        ([GOOD], (), "1 of 2 chapters"),
        ([GOOD, replace(GOOD, wrong=("restart of redis",))], (), "1 wrong action"),
        ([GOOD, replace(GOOD, missed=("api was not healed",))], (), "not healed"),
        ([GOOD, GOOD], ("restart of redis",), "1 wrong action"),
    ],
)
def test_anything_wrong_or_missed_spoils_the_verdict(
    rows: list[Row], stray: tuple[str, ...], word: str
) -> None:
    verdict = judge(rows, 2, stray)
    assert not verdict.is_right
    assert word in verdict.text


def test_cells_show_times_in_seconds_and_endings_in_words() -> None:
    assert cells(GOOD) == ("crash of api", "0.4 s", "3.1 s", "1", "0", "3 probes in a row passed")
    left = replace(GOOD, healed_after_s=None, seen_after_s=None, ending="left alone")
    assert cells(left)[1:3] == ("–", "left alone")
    assert cells(replace(GOOD, missed=("it",)))[2] == "missed"


@given(st.text(max_size=300), st.integers(5, 80))
def test_short_text_fits_and_is_one_line(text: str, most: int) -> None:
    line = short(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1


def test_a_record_of_the_api_is_read() -> None:
    record = {
        "id": "act-1",
        "service": "api",
        "kind": "container_restart",
        "origin": "recovery",
        "state": "verifying",
        "intended_at_s": 12.5,
        "verdict": None,
    }
    read = Deed.read(record)
    assert (read.at_s, read.verdict, read.is_by_everup) == (12.5, "", True)


def test_the_table_fits_without_a_terminal_and_names_each_wrong_action() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.table([GOOD, replace(GOOD, wrong=("restart of redis",))], ("start of qdrant",))
    screen.verdict(judge([GOOD], 1))
    text = stream.getvalue()
    assert "\x1b" not in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert all(word in text for column in COLUMNS for word in column.split())
    assert "restart of redis" in text
    assert "start of qdrant" in text
