"""The host's own files, made up and broken."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from everup.signals.accounting.lag import LoopLag
from everup.signals.accounting.machine import Machine
from tests.unit.signals.conftest import Run, VirtualLoop


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "pressure").mkdir()
    return tmp_path


def test_memory_is_in_bytes(proc: Path) -> None:
    (proc / "meminfo").write_text("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\n")
    memory = Machine(proc).memory()
    assert (memory.total_bytes, memory.available_bytes) == (2048 * 1024, 1024 * 1024)


def test_the_cpu_ratio_is_that_of_the_time_between_two_calls(proc: Path) -> None:
    machine = Machine(proc, cpu_count=2)
    (proc / "stat").write_text("cpu  100 0 50 800 50 0 0 0 90 0\ncpu0 1 2 3\n")
    assert math.isnan(machine.cpu_ratio())
    (proc / "stat").write_text("cpu  130 0 70 820 80 0 0 0 120 0\n")
    assert machine.cpu_ratio() == pytest.approx(0.5)
    (proc / "stat").write_text("cpu  131 0 70 820 80 0 0 0 120 0\n")
    assert machine.cpu_ratio() == pytest.approx(0.5)


def test_pressure_comes_from_the_kernel_when_it_tells(proc: Path) -> None:
    (proc / "pressure" / "cpu").write_text("some avg10=12.50 avg60=1.00 avg300=0 total=1\n")
    (proc / "loadavg").write_text("8.00 1 1 1/1 1\n")
    assert Machine(proc, cpu_count=2).pressure_ratio() == pytest.approx(0.125)


@pytest.mark.parametrize(("load", "ratio"), [("8.00", 0.75), ("2.00", 0.0), ("0.00", 0.0)])
def test_else_it_is_guessed_from_the_load(proc: Path, load: str, ratio: float) -> None:
    (proc / "loadavg").write_text(f"{load} 1.0 1.0 1/100 1234\n")
    assert Machine(proc, cpu_count=2).pressure_ratio() == pytest.approx(ratio)


@pytest.mark.parametrize(
    "content", [None, "", "nonsense", "cpu\nsome\nMemTotal:\n", "cpu a b c d e"]
)
def test_what_cannot_be_read_is_unknown(proc: Path, content: str | None) -> None:
    for name in ("meminfo", "stat", "loadavg", "pressure/cpu"):
        if content is not None:
            (proc / name).write_text(content)
    machine = Machine(proc, cpu_count=2)
    memory = machine.memory()
    values = [memory.total_bytes, memory.available_bytes, machine.pressure_ratio()]
    values += [machine.cpu_ratio(), machine.cpu_ratio()]
    assert all(math.isnan(value) for value in values)


def test_lag_is_the_worst_since_the_last_call(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        lag = LoopLag()
        assert math.isnan(lag.worst_s())
        await asyncio.sleep(5)
        assert lag.worst_s() == pytest.approx(0.0)
        loop.call_later(0.6, loop.hold_up, 3.0)
        await asyncio.sleep(5)
        assert lag.worst_s() == pytest.approx(2.6)
        await asyncio.sleep(5)
        assert lag.worst_s() == pytest.approx(0.0)
        loop.hold_up(2.0)
        assert lag.worst_s() > 1.0
        lag.close()

    run(test)
