"""Rows become looks: what is seen in them, what would be done, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from everup.app.plugins import load_runtime
from everup.cli.verbs import app
from everup.loop.sample import sample
from everup.model import entries as e
from everup.model.assessment import OwnHealth
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import ActionKind, Cause, InstanceState, Mode, ProbeVerdict, Purpose
from everup.model.observation import Exit
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.replay import BadRecording, Outcome, Recording, as_plain, compare, of_names, play
from everup.replay.recording import Blocks
from everup.replay.seen import Eyes

START_S = 1_767_225_600.0
ROWS = 120


def row(**values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    found = np.full(len(SIGNALS), np.nan, dtype=np.float32)
    told = {"instances_up": 1.0, "probe_ok": 1.0, "memory_ratio": 0.4, **values}
    for name, value in told.items():
        found[INDEX[Signal(name)]] = value
    return found


def recording(
    rows: list[np.ndarray[tuple[int], np.dtype[np.float32]]], *facts: e.Entry, step_s: float = 5.0
) -> Recording:
    """Of one service."""
    times = np.asarray(START_S + step_s * np.arange(len(rows)), dtype=np.float64)
    values = np.array(rows, dtype=np.float32)[:, :, None]

    def blocks() -> Blocks:
        yield times, values

    return Recording("here", ("a",), float(times[0]), float(times[-1]), step_s, blocks, facts)


def played(what: Recording, stack: Stack | None = None, **settings: float) -> Outcome:
    stack = stack or of_names(("a",))
    manifest = load_runtime("processes").MANIFEST
    known = replace(Settings(), **settings)  # type: ignore[arg-type]
    return asyncio.run(play(what, stack, known, manifest))


def leaking() -> Recording:
    return recording([row(memory_ratio=0.5 + 0.5 * n / ROWS) for n in range(ROWS)])


def test_what_was_sampled_is_seen_again() -> None:
    """Sampled once more, it is the same row: nothing that is recorded is lost on the way."""
    told = row(
        memory_ratio=0.5, memory_bytes=1e8, cpu_ratio=0.3, latency_s=0.02, error_ratio=0.1,
        instances_up=3.0, age_s=500.0, requests_per_s=12.0, failures_per_s=1.0,
        routed_latency_s=0.04, sessions=3.0, work_queue=7.0,
    )  # fmt: skip
    stack = of_names(("a",))
    seen = Eyes(stack).observation(START_S, {"a": told}, StackState())
    again = sample(("a",), seen, OwnHealth({}))[:, 0]
    assert np.allclose(again, told, equal_nan=True)
    load = seen.services["a"].load
    assert load is not None
    assert load.source == "router+queue"
    silent = Eyes(stack).observation(START_S, {"a": row()}, StackState())
    assert silent.services["a"].load is None
    assert Eyes(stack).observation(START_S, {}, StackState()).services["a"].is_known is False


def test_a_leak_is_foretold_and_comes() -> None:
    found = played(leaking())
    (made,) = found.predictions
    assert (made.service, made.cause, made.ending) == ("a", Cause.LEAK, "hit")
    assert found.accuracy.overall.hits == 1
    assert found.rows == ROWS
    assert found.speed > 1.0


def test_it_repeats_bit_for_bit() -> None:
    first, second = as_plain(played(leaking())), as_plain(played(leaking()))
    for told in (first, second):
        del told["took_s"], told["speed"]
    assert json.dumps(first) == json.dumps(second)


def test_who_goes_down_would_be_started_once() -> None:
    rows = [row()] * 30 + [row(instances_up=0.0, probe_ok=np.nan)] * 30 + [row()] * 30
    found = played(recording(rows))
    assert [(d.kind, d.cause, d.answer) for d in found.deeds] == [
        (ActionKind.CONTAINER_RESTART, Cause.CRASH, "done")
    ]
    (incident,) = found.incidents
    assert (incident.cause, incident.ending) == (
        Cause.CRASH,
        "recovered by itself; nothing was done",
    )
    (miss,) = found.accuracy.misses
    assert miss.at_s == START_S + 5.0 * 30


def test_the_mode_decides_whether_it_is_done_asked_or_told() -> None:
    rows = [row()] * 30 + [row(instances_up=0.0, probe_ok=np.nan)] * 30
    for mode, answer in ((Mode.AUTO, "done"), (Mode.APPROVE, "asked"), (Mode.OBSERVE, "told")):
        found = played(recording(rows), of_names(("a",), mode=mode))
        assert [d.answer for d in found.deeds] == [answer], mode


def test_a_failing_probe_is_taken_to_fail_at_its_own_pace() -> None:
    eyes = Eyes(of_names(("a",)))
    counts = []
    for n in range(3):
        told = row(probe_ok=0.0) if n else row()
        seen = eyes.observation(START_S + 30.0 * n, {"a": told}, StackState())
        probe = seen.services["a"].instances[0].probe
        assert probe is not None
        counts.append((probe.verdict, probe.failures_in_a_row))
    assert counts == [(ProbeVerdict.PASS, 0), (ProbeVerdict.FAIL, 1), (ProbeVerdict.FAIL, 7)]


def test_a_younger_age_is_another_life() -> None:
    eyes = Eyes(of_names(("a",)))
    lives = []
    for n, age_s in enumerate((100.0, 105.0, 110.05, 3.0)):
        seen = eyes.observation(START_S + 5.0 * n, {"a": row(age_s=age_s)}, StackState())
        lives.append(seen.services["a"].instances[0].instance.identity)
    assert lives[0] == lives[1] == lives[2] != lives[3]


def test_a_death_between_two_rows_has_a_look_of_its_own() -> None:
    died_s = START_S + 5.0 * 30 + 2.0
    fact = e.ExitSeen(died_s, "a", "a-0", Exit(died_s - 1.0, 1, ran_s=500.0))
    found = played(recording([row()] * 60, fact))
    assert [(d.at_s, d.kind) for d in found.deeds] == [(died_s, ActionKind.CONTAINER_RESTART)]
    (miss,) = found.accuracy.misses
    assert (miss.cause, miss.at_s) == (Cause.CRASH, died_s - 1.0)


def test_what_somebody_stopped_is_left_alone() -> None:
    rows = [row()] * 30 + [row(instances_up=0.0, probe_ok=np.nan)] * 30
    stopped = e.PurposeSet(START_S + 5.0 * 29, "a", Purpose.STOPPED, "Ann")
    assert played(recording(rows, stopped)).deeds == ()


def test_when_everup_began_anew_so_does_the_replay() -> None:
    """The series before is not known to the life behind: the leak is foretold later."""
    anew = e.ControllerStarted(START_S + 5.0 * 20, "1", "digest")
    begun = e.ControllerStarted(START_S - 1.0, "1", "digest")
    one, other = played(leaking()), played(replace(leaking(), facts=(begun, anew)))
    assert one.predictions[0].made_at_s < other.predictions[0].made_at_s


def test_while_it_could_not_trust_its_eyes_nothing_is_done() -> None:
    rows = [row()] * 30 + [row(instances_up=0.0, probe_ok=np.nan)] * 30
    blind = e.MonitorFaultSeen(START_S + 5.0 * 29, "our own senses fail")
    sighted = e.MonitorFaultOver(START_S + 5.0 * 50, "our own senses fail", 105.0)
    found = played(recording(rows, blind, sighted))
    assert found.deeds[0].at_s >= START_S + 5.0 * 50


def test_wide_steps_are_looked_at_at_their_own_pace() -> None:
    rows = [row(memory_ratio=0.5 + 0.4 * n / ROWS) for n in range(ROWS)]
    found = played(recording(rows, step_s=300.0))
    assert found.predictions == () or found.predictions[0].made_at_s > START_S
    assert "300 s" in str(found.notes)


def test_a_recording_of_somebody_else_is_refused() -> None:
    with pytest.raises(BadRecording, match="none of them is a service of the stack"):
        played(leaking(), of_names(("other",)))


def test_what_differs_between_two_configurations() -> None:
    one, other = played(leaking()), played(leaking(), prediction_acts_above=0.99)
    found = compare(one, other)
    assert (len(found.predicted_by_first), len(found.predicted_by_second)) == (1, 0)
    assert not found.is_same
    assert compare(one, one).is_same
    figures = {f.name: (f.first, f.second) for f in found.figures}
    assert figures["predictions"] == (1.0, 0.0)


def test_the_page_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "time,api.memory_ratio,api.probe_ok\n"
    lines += "".join(f"{START_S + 5 * n},{0.5 + 0.5 * n / ROWS},1\n" for n in range(ROWS))
    (tmp_path / "h.csv").write_text(lines)
    said = CliRunner().invoke(app, ["replay", "h.csv"])
    assert said.exit_code == 0, said.output
    for text in ("times as fast as it happened", "Foretold", "leak: hit after", "precision"):
        assert text in " ".join(said.output.split())
    wrong = CliRunner().invoke(app, ["replay", "gone.csv"])
    assert (wrong.exit_code, "is not there" in wrong.output) == (2, True)
    mode = CliRunner().invoke(app, ["replay", "h.csv", "--mode", "fast"])
    assert (mode.exit_code, "one of observe, approve, auto" in mode.output) == (2, True)


def test_down_is_down() -> None:
    seen = Eyes(of_names(("a",))).observation(START_S, {"a": row(instances_up=0.0)}, StackState())
    (one,) = seen.services["a"].instances
    assert one.instance.state is InstanceState.EXITED
