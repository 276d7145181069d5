"""The tape of single answers: bounded, failures as errors, an owner's check by how long it ran."""

from __future__ import annotations

import numpy as np
import pytest

from everup.loop.desk import Desk
from everup.loop.tape import ANSWERS_MOST, Tape
from everup.model.kinds import UNKNOWN, ProbeVerdict
from everup.model.observation import Heard, ProbeResult
from tests.unit.builders import SETTINGS, service, stack


def test_it_keeps_the_latest_in_order() -> None:
    tape = Tape()
    assert len(tape.answers("a")) == 0
    for number in range(ANSWERS_MOST + 50):
        tape.note("a", ProbeResult(ProbeVerdict.PASS, float(number), 0.001 * number))
    kept = tape.answers("a")
    assert len(kept) == ANSWERS_MOST
    assert kept.times_s[0] == 50.0
    assert np.all(np.diff(kept.times_s) == 1.0)
    assert kept.latency_s[-1] == pytest.approx(0.001 * (ANSWERS_MOST + 49), rel=1e-6)


def test_what_failed_is_an_error_and_what_says_nothing_is_left_out() -> None:
    tape = Tape()
    tape.note("a", ProbeResult(ProbeVerdict.FAIL, 1.0, 0.5))
    tape.note("a", ProbeResult(ProbeVerdict.UNKNOWN, 2.0))
    tape.note("a", ProbeResult(ProbeVerdict.RECOVERING, 3.0))
    tape.note("a", ProbeResult(ProbeVerdict.PASS, 4.0, UNKNOWN, heard=Heard.CHECK, took_s=0.25))
    kept = tape.answers("a")
    assert list(kept.times_s) == [1.0, 4.0]
    assert list(kept.errors) == [1.0, 0.0]
    assert np.isnan(kept.latency_s[0])
    assert kept.latency_s[1] == 0.25


def test_a_desk_that_nobody_listens_to_says_nothing() -> None:
    desk = Desk(stack(service("a")), SETTINGS)
    desk.heard("a", ProbeResult(ProbeVerdict.PASS, 1.0))
