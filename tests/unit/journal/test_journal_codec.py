"""Every entry comes back as it was written, in bytes that depend on its value alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings

from everup.journal.codec import Codec, CodecError, shape_of
from everup.model import entries as e
from everup.model.decision import ParameterValue, Step
from everup.model.kinds import UNKNOWN, ActionKind
from everup.model.state import ServiceState, StackState
from everup.testing.journal_lab import intended, is_same, story
from tests.unit.journal.histories import of_type


@pytest.mark.parametrize("kind", e.ENTRY_TYPES)
def test_any_entry_comes_back(kind: str) -> None:
    codec = Codec(e.ENTRY_TYPES[kind])

    @settings(max_examples=30, deadline=None)
    @given(of_type(e.ENTRY_TYPES[kind]))
    def comes_back(entry: e.Entry) -> None:
        text = codec.dumps(entry)
        assert text.isascii()
        assert is_same(codec.loads(text), entry)
        assert codec.dumps(codec.loads(text)) == text

    comes_back()


@settings(max_examples=30, deadline=None)
@given(of_type(StackState))
def test_any_state_comes_back_in_its_order(state: StackState) -> None:
    codec = Codec(StackState, keeps_order=True)
    again = codec.loads(codec.dumps(state))
    assert is_same(again, state)
    assert list(again.services) == list(state.services)


def test_equal_values_are_equal_bytes() -> None:
    codec = Codec(Step)
    one = Step(ActionKind.STOP, "db", {"a": 1, "b": 2.0})
    other = Step(ActionKind.STOP, "db", {"b": 2.0, "a": 1})
    assert codec.dumps(one) == codec.dumps(other)
    assert codec.dumps(one) == (
        '{"is_repeatable":false,"kind":"stop","parameters":{"a":1,"b":2.0},'
        '"target":"db","undoes":null}'
    )


def test_unknown_is_null_and_comes_back_as_the_one_unknown() -> None:
    codec = Codec(e.FreezeSet)
    text = codec.dumps(e.FreezeSet(1.0, "", "why", "Ann", float("nan")))
    assert json.loads(text)["until_s"] is None
    assert codec.loads(text).until_s is UNKNOWN


def test_a_number_and_its_kind_survive() -> None:
    codec = Codec(Step)
    values: dict[str, ParameterValue] = {
        "whole": 2,
        "half": 2.5,
        "even": 2.0,
        "yes": True,
        "none": UNKNOWN,
    }
    again = codec.loads(codec.dumps(Step(ActionKind.STOP, "db", values))).parameters
    assert is_same(again, values)
    assert [type(v) for v in again.values()] == [type(values[k]) for k in again]


def test_an_integer_in_a_float_field_is_written_as_a_float() -> None:
    assert '"at_s":5.0' in Codec(e.ControllerStopped).dumps(e.ControllerStopped(5))


def test_a_field_of_a_newer_version_is_ignored_and_a_missing_one_takes_its_default() -> None:
    codec = Codec(e.ControllerStopped)
    assert codec.loads('{"at_s":1.0,"weather":"fine"}') == e.ControllerStopped(1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"reason":"at_s is missing"}',
        '{"at_s":"soon"}',
        '{"at_s":1.0,"reason":5}',
        '{"at_s":[]}',
    ],
)
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="ControllerStopped"):
        Codec(e.ControllerStopped).loads(text)


@pytest.mark.parametrize(
    ("cls", "text", "field", "default"),
    [
        (
            e.IncidentOpened,
            '{"at_s":1.0,"incident_id":"inc-1","service":"db","cause":"crash","reason":"died"}',
            "candidates",
            (),
        ),
        (
            e.GateAnswered,
            '{"at_s":1.0,"key":"k","service":"db","kind":"stop","answer":"refused","check":"mode",'
            '"reason":"no","incident_id":null}',
            "until_s",
            UNKNOWN,
        ),
    ],
)
def test_entries_from_before_explanations_are_still_read(
    cls: type, text: str, field: str, default: object
) -> None:
    assert is_same(getattr(Codec(cls).loads(text), field), default)


def test_a_word_that_this_version_does_not_know_is_refused() -> None:
    codec = Codec(e.Intended)
    text = codec.dumps(intended("act-1", "db", 1.0, None))
    with pytest.raises(CodecError, match="teleport"):
        codec.loads(text.replace("container_restart", "teleport"))


def test_a_value_against_its_type_is_not_written() -> None:
    entry = story()[0]
    assert isinstance(entry, e.ControllerStarted)
    codec = Codec(e.ControllerStarted)
    for wrong in ({"version": 5}, {"at_s": "now"}, {"at_s": None}):
        with pytest.raises(CodecError):
            codec.dumps(replace(entry, **wrong))


@dataclass(frozen=True)
class Maybe:
    at_s: float | None = None


@pytest.mark.parametrize("value", [None, UNKNOWN, float("inf"), 1.5])
def test_none_and_unknown_are_told_apart(value: float | None) -> None:
    codec = Codec(Maybe)
    assert is_same(codec.loads(codec.dumps(Maybe(value))), Maybe(value))


@dataclass(frozen=True)
class Foreign:
    field: complex


@dataclass(frozen=True)
class Numbered:
    by_number: Mapping[int, str]


@dataclass(frozen=True)
class Either:
    one_of: Step | Maybe


@pytest.mark.parametrize("cls", [Foreign, Numbered, Either])
def test_a_type_that_cannot_be_written_is_refused_before_any_value_is(cls: type) -> None:
    with pytest.raises(TypeError):
        Codec(cls)


def test_the_shape_tells_of_every_type_below() -> None:
    shape = shape_of(StackState)
    assert ServiceState.__name__ in shape
    assert "Exit(" in shape
    assert shape == shape_of(StackState)
    assert shape != shape_of(ServiceState)
