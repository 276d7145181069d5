"""The load laboratory with processes: its generator, its service, and a load that rises and falls.

Ours is scaled by Everup itself, the peer beside it by the plain rule of 70 %: nothing is lost by
either of them, out or in. How well each keeps its target is the benchmark's to say.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.scaling_live.figures import Asked
from benchmarks.scaling_live.load import Load, NoLoad, asking, built
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.stage import Runtime
from benchmarks.scaling_live.world import Size, command
from tests.docker_engine import wait_until
from tests.ports import free_port
from tests.system.live_scaling import follows, played

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

SHORT = Profile(
    low_rps=20.0, high_rps=100.0, lead_s=1.0, rise_s=3.0, hold_s=1.0, fall_s=1.0, tail_s=1.0
)
EXPECTED = 20 * 2 + 60 * 4 + 100
WITHIN_SIGMA = 6.0


@contextmanager
def instance(size: Size, folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """One that has started: its port, its process."""
    port = free_port()
    own = {**os.environ, **size.environment(), "PORT": str(port)}
    process = subprocess.Popen(command(), env=own, cwd=folder)
    try:
        wait_until(lambda: get(port, "/health") == 200, 20.0, "the instance")
        yield port, process
    finally:
        process.kill()
        process.wait()


def get(port: int, path: str) -> int:
    """The status; 0: no answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        line.close()


def counted(port: int) -> dict[str, int]:
    """What it says of itself."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/metrics")
    lines = line.getresponse().read().decode().splitlines()
    line.close()
    return {name: int(value) for name, value in (row.split() for row in lines if row[0] != "#")}


def test_the_generator_asks_along_the_line_and_the_same_of_each(tmp_path: Path) -> None:
    program, nobody = built(tmp_path), free_port()
    many = Size(permits=200, hold_s=0.01, starts_s=0.0)
    with instance(many, tmp_path) as (port, _):
        begins_s = time.monotonic() + 0.5
        ports = {"one": port, "other": port, "nobody": nobody}
        with asking(program, ports, SHORT, begins_s, tmp_path) as loads:
            found = {name: load.result() for name, load in loads.items()}
    due = [one.due_s for one in found["one"]]
    assert due == sorted(due)
    assert abs(len(due) - EXPECTED) < WITHIN_SIGMA * EXPECTED**0.5
    assert due == [one.due_s for one in found["other"]] == [one.due_s for one in found["nobody"]]
    assert 0.0 <= due[0] < due[-1] <= SHORT.total_s
    assert {one.status for one in found["one"]} == {200}
    assert {one.status for one in found["nobody"]} == {0}, "what nobody answers has failed"
    held = _in(found["one"], 4.0, 5.0), _in(found["one"], 0.0, 1.0)
    assert held[0] > 2 * held[1], "five times as many, or nearly so"
    assert all(one.took_s >= one.late_s >= 0.0 for one in found["one"])


def _in(asked: list[Asked], since_s: float, until_s: float) -> int:
    return sum(since_s <= one.due_s < until_s for one in asked)


def test_a_generator_that_cannot_write_says_so(tmp_path: Path) -> None:
    load = Load(built(tmp_path), free_port(), SHORT, time.monotonic(), tmp_path / "no" / "where")
    with pytest.raises(NoLoad):
        load.result()


def at_once(ask: Callable[[], int], count: int) -> tuple[list[threading.Thread], list[int]]:
    """So many callers, and where their answers will be."""
    answers: list[int] = []
    callers = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(count)]
    for caller in callers:
        caller.start()
    return callers, answers


def test_an_instance_works_on_so_many_at_a_time_and_answers_for_its_health(tmp_path: Path) -> None:
    with instance(Size(permits=2, hold_s=0.2, starts_s=0.0), tmp_path) as (port, _):
        callers, answers = at_once(lambda: get(port, "/work"), 12)
        wait_until(lambda: counted(port)["requests_in_line"] > 0, 10.0, "a line")
        seen = [counted(port) for _ in range(5)]
        assert get(port, "/health") == 200
        for caller in callers:
            caller.join()
        assert max(one["requests_in_hand"] for one in seen) == 2
        assert answers == [200] * 12
        assert counted(port)["requests_total"] == 12


def test_who_is_told_to_end_answers_what_was_asked(tmp_path: Path) -> None:
    with instance(Size(permits=1, hold_s=0.3, starts_s=0.0), tmp_path) as (port, process):
        callers, answers = at_once(lambda: get(port, "/work"), 6)
        wait_until(lambda: counted(port)["requests_in_line"] > 0, 10.0, "a line")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: get(port, "/health") != 200, 10.0, "its word that it ends")
        for caller in callers:
            caller.join()
        assert answers == [200] * 6
        assert process.wait(30) == 0


def test_who_starts_says_so_until_it_has(tmp_path: Path) -> None:
    port = free_port()
    own = {**os.environ, **Size(starts_s=3600.0).environment(), "PORT": str(port)}
    process = subprocess.Popen(command(), env=own, cwd=tmp_path)
    try:
        wait_until(lambda: get(port, "/health") != 0, 20.0, "the instance")
        assert (get(port, "/health"), get(port, "/work")) == (503, 503)
    finally:
        process.kill()
        process.wait()


def test_a_load_that_rises_five_times_and_falls_is_followed_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVERUP_BENCH_RUN", "")  # a run sets it; it is put back afterwards
    follows(played(Runtime.PROCESSES))
