"""A whole run: a round on the stage, then everything that is reckoned from it.

Flows in: cases and a mode. Flows out: a Round, or the Results that a watched one gives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.run_to_failure.cases import ROUND_MIN, Case, assigned
from benchmarks.run_to_failure.driver import Driver, Told
from benchmarks.run_to_failure.figures import (
    Calibration,
    Score,
    beginnings,
    calibration,
    forecasts,
    score,
)
from benchmarks.run_to_failure.peers import WINDOWS_MIN, Floats, alerts, shares
from benchmarks.run_to_failure.stage import SLOTS, TIMEOUT_S, Stage
from everup.demo.stack.prepare import Mode
from everup.model.kinds import Cause
from everup.model.settings import Settings
from everup.replay import open_recording

OURS = "Everup"
THREATENED = str(Cause.DEPENDENCY_DOWN)
"""What is told of who needs what is foretold to fail: never acted upon, and no alarm of its own."""


@dataclass(frozen=True, eq=False)
class Round:
    """What was told, and the samples that Everup took: times in true minutes, `values` as
    `[time, signal, service]`."""

    cases: Mapping[str, Case]
    told: Told
    services: tuple[str, ...]
    times_min: Floats
    values: NDArray[np.float32]


def play(chosen: Sequence[Case], factor: float, mode: Mode) -> Round:
    """Runs it; leaves nothing behind."""
    cases = assigned(chosen, SLOTS)
    stage = Stage(cases, factor, mode)
    try:
        stage.prepare()
        stage.start()
        told = asyncio.run(Driver(stage).run())
        stage.stop()
        recording = asyncio.run(open_recording(stage.state))
        blocks = list(recording.blocks())
        times_s = np.concatenate([times for times, _ in blocks])
        times_min = (times_s - told.began_s) * factor / 60.0
        values = np.concatenate([values for _, values in blocks])
        inside = (times_min >= 0.0) & (times_min <= ROUND_MIN)
        return Round(cases, told, recording.services, times_min[inside], values[inside])
    finally:
        stage.stop()
        stage.remove()


@dataclass(frozen=True, slots=True)
class Results:
    """Of a watched round. `left_out`: service → why its case counts for nobody. `threatened`: how
    often dependents were told as likely as an alarm, of whom nothing more was known."""

    scores: tuple[Score, ...]
    calibration: Calibration
    alarms: Mapping[str, Mapping[str, Sequence[float]]]
    left_out: Mapping[str, str]
    threatened: Score

    def of(self, name: str) -> Score:
        """One way to raise alarms."""
        return next(one for one in self.scores if one.name == name)

    @property
    def best_linear(self) -> Score:
        """The better of the windows, by the harmonic mean of recall and precision."""
        return max((self.of(name) for name in WINDOWS_MIN), key=_f1)


def _f1(one: Score) -> float:
    both = np.nan_to_num(one.recall) + np.nan_to_num(one.precision)
    return 2.0 * one.recall * one.precision / both if both > 0.0 else 0.0


def unplanned(cases: Mapping[str, Case], failed_min: Mapping[str, float]) -> dict[str, str]:
    """Cases in which something else happened than was to be tried."""
    found = {}
    for service, case in cases.items():
        fails_min = failed_min.get(service)
        if case.fails and fails_min is None:
            found[service] = "it was to fail, and did not"
        elif fails_min is not None and not case.fails:
            found[service] = "its users went unserved, and nothing was to fail"
        elif fails_min is not None and fails_min < case.onset_min:
            found[service] = "it failed before its fault began"
    return found


def results(played: Round) -> Results:
    """Everup and its peers, over the same cases."""
    told = played.told
    left_out = unplanned(played.cases, told.failed_min)
    cases = {name: case for name, case in played.cases.items() if name not in left_out}
    failed = {name: at for name, at in told.failed_min.items() if name in cases}
    acts_above = Settings().prediction_acts_above
    alarms: dict[str, dict[str, list[float]]] = {OURS: {}}
    threats: dict[str, list[float]] = {}
    for service in played.services:
        until = failed.get(service, float("inf"))
        likely = [
            (t, cause) for t, s, cause, p in told.foretold if s == service and p >= acts_above
        ]
        alarms[OURS][service] = beginnings([t for t, c in likely if c != THREATENED], until)
        if service not in left_out:
            threats[service] = beginnings([t for t, c in likely if c == THREATENED], until)
    fired = alerts(played.times_min, shares(played.values, TIMEOUT_S), played.services)
    for rule, by_service in fired.items():
        alarms[rule] = {
            service: beginnings(at_min[on], failed.get(service, float("inf")))
            for service, (at_min, on) in by_service.items()
        }
    counted = {
        rule: {s: begins for s, begins in each.items() if s not in left_out}
        for rule, each in alarms.items()
    }
    said = [(t, service, p) for t, service, cause, p in told.foretold if cause != THREATENED]
    return Results(
        scores=tuple(score(rule, each, cases, failed) for rule, each in counted.items()),
        calibration=calibration(forecasts(said, cases, failed, ROUND_MIN)),
        alarms=counted,
        left_out=left_out,
        threatened=score("threatened", threats, cases, failed),
    )
