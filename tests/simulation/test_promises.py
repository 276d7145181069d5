"""Seeded days through the real components, gate, loop and journal: every promise, at every step.

A failure prints class and seed, and the one line that repeats the run bit for bit.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from everup.simulation.mixes import MIXES, mix_of
from everup.simulation.runner import Result, play
from tests.counts import count

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

TROUBLES_LEAST = 3
FIRST_DAY = 1_000_001
"""Other seeds than those of the short runs."""


@pytest.mark.parametrize("seed", range(1, count("simulation_runs") + 1))
def test_every_promise_holds(seed: int) -> None:
    result = play(mix_of(seed), seed)
    assert not result.violations, result.report()
    assert sum(result.troubles.values()) >= TROUBLES_LEAST
    assert result.kills >= 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(FIRST_DAY, FIRST_DAY + count("simulation_days")))
def test_every_promise_holds_for_a_whole_day(seed: int) -> None:
    result = play(mix_of(seed), seed, hours=24.0)
    assert not result.violations, result.report()
    assert sum(result.troubles.values()) >= 12 * TROUBLES_LEAST


def test_the_series_visits_every_class() -> None:
    assert {mix_of(seed) for seed in range(1, 2 * len(MIXES))} == set(MIXES)


@pytest.mark.parametrize("mix", ["mixed", "journal"])
def test_a_seed_repeats_bit_for_bit_in_another_process(mix: str) -> None:
    here = play(mix, 5)
    there = subprocess.run(
        [sys.executable, "-m", "everup.simulation", "--class", mix, "--seed", "5"],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    assert f"journal {here.journal_hash[:12]}, {here.steps} steps" in there


def test_a_failure_says_how_to_repeat_it() -> None:
    result: Result = play("mixed", 2, is_traced=True)
    assert result.story
    assert "repeat: python -m everup.simulation --class mixed --seed 2" in result.report()
