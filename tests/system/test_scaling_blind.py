"""The router's counts die in a peak, on real processes: nothing goes for it though the peak is
over, it says why, and it goes on when they are back.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling_live.everups import ByEverup, Way
from benchmarks.scaling_live.load import asking, built
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.sides import sides
from benchmarks.scaling_live.stage import OURS, Runtime, Stage
from benchmarks.scaling_live.world import SERVICE
from tests.docker_engine import wait_until
from tests.system.live_scaling import SIZE

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

PEAK = Profile(
    low_rps=10.0, high_rps=60.0, lead_s=20.0, rise_s=40.0, hold_s=20.0, fall_s=2.0, tail_s=230.0
)
WAY = Way(scales=True, time_scale=0.1)
WINDOW_S = 300.0 * WAY.time_scale


def told(side: ByEverup) -> dict[str, Any]:
    """What is thought of it."""
    _, found = side.everup.ask("GET", "/scaling")
    return dict(found["services"][SERVICE])


def test_in_a_peak_that_nobody_can_count_any_more_nothing_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERUP_BENCH_RUN", "")  # a run sets it; it is put back afterwards
    program = built(tmp_path)
    with sides(Stage(Runtime.PROCESSES, SIZE, WAY), [OURS]) as found:
        side = found[OURS]
        assert isinstance(side, ByEverup)
        begins_s = time.monotonic() + 1.0
        with asking(program, {OURS: side.port}, PEAK, begins_s, tmp_path) as loads:
            peak_s = begins_s + PEAK.lead_s + PEAK.rise_s + PEAK.hold_s / 2
            time.sleep(max(0.0, peak_s - time.monotonic()))
            there = side.runs()
            assert there >= 6, told(side)
            socket, away = side.haproxy.path, side.haproxy.path.with_suffix(".away")
            socket.rename(away)  # HAProxy listens on; nobody finds it
            wait_until(lambda: "not seen now" in why(side), WINDOW_S, "its word why")
            blind_s = time.monotonic() + PEAK.hold_s + 2 * WINDOW_S
            while time.monotonic() < blind_s:
                assert side.runs() >= there, told(side)
                assert "nothing is removed" in why(side)
                time.sleep(1.0)
            away.rename(socket)
            wait_until(lambda: side.runs() < there, 3 * WINDOW_S, "fewer, once it is counted")
            asked = loads[OURS].result()
        assert {one.status for one in asked} == {200}


def why(side: ByEverup) -> str:
    """What should be, and why."""
    return str((told(side)["decision"] or {}).get("text", ""))
