"""The recovery benchmark itself: one fault, one control, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.recovery.cells import Engines, measure
from benchmarks.recovery.control_cells import keep
from benchmarks.recovery.controls import CONTROLS, Control
from benchmarks.recovery.engines import Engine
from benchmarks.recovery.faults import FAULTS, Fault
from benchmarks.recovery.healers import ALONE, NOTHING, POLICY, Healer, Watcher
from benchmarks.recovery.images import build
from benchmarks.recovery.places import KINDS, LABEL, Run
from benchmarks.recovery.stacks import Stack
from tests.docker_engine import Docker

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ENGINES = Engines(Engine())


@pytest.fixture
def run(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    assert docker.label, "there is an engine"
    build()
    monkeypatch.setenv("EVERUP_BENCH_RUN", "")  # a run sets it; it is put back afterwards
    made = Run()
    yield made
    made.close()
    assert not made.folder.exists()
    chosen = ["--filter", f"label={LABEL}={made.token}"]
    assert [Engine().docker(*listing, *chosen) for listing, _ in KINDS.values()] == ["", "", ""]


def fault(name: str) -> Fault:
    found = next(one for one in FAULTS if one.name == name)
    return replace(found, watches_s=2.0)


def control(name: str) -> Control:
    found = next(one for one in CONTROLS if one.name == name)
    return replace(found, watches_s=2.0, after_s=6.0)


@pytest.mark.parametrize("healer", [POLICY, ALONE], ids=lambda healer: healer.name)
def test_a_crash_is_healed_and_measured(run: Run, healer: Healer) -> None:
    row, entries = measure(run, ENGINES, healer, fault("crash"), 1)
    assert (row.result, row.signal, row.on_victims, row.note) == ("recovered", "die", 0, "")
    assert row.acts >= 1
    assert row.recovered_s is not None
    assert row.lag_s is not None
    assert 0 < row.lag_s < row.recovered_s < 60
    assert 0 < row.failed < row.asked
    assert any(entry.event == "Intended" for entry in entries) == (healer is ALONE)


def test_nothing_heals_nothing_and_touches_nothing(run: Run) -> None:
    row, _ = keep(run, ENGINES, NOTHING, control("docker stop"), 1)
    assert (row.wrong, row.note) == (0, "")


def test_who_starts_what_was_stopped_is_caught(run: Run) -> None:
    stopped = control("docker stop")

    def stop_and_meddle(run_: Run, stack: Stack, watcher: Watcher) -> None:
        stopped.do(run_, stack, watcher)
        stack.resume("backend")

    row, _ = keep(run, ENGINES, NOTHING, replace(stopped, do=stop_and_meddle), 1)
    assert (row.wrong, dict(row.by_service)) == (1, {"backend": 1})
