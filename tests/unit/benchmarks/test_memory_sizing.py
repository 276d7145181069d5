"""The benchmark of sizes: its services are as it says, and its rules are counted rightly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import memory_sizing
from benchmarks.memory_sizing import figures, ours, play, vpa
from benchmarks.memory_workloads import DAY, KINDS, MIB, Workload, of_kind, workload
from everup.model.settings import Settings

FAST = Settings().scaled(1 / 8)  # a window of three hours
DAYS = 2


@pytest.mark.parametrize("kind", [*KINDS, "weekly_job"])
def test_a_seed_gives_the_same_service_again(kind: str) -> None:
    one, again = of_kind(kind, 3, DAYS), of_kind(kind, 3, DAYS)
    assert np.array_equal(one.used, again.used)
    assert len(one.used) == len(one.version) == DAYS * DAY
    assert np.isfinite(one.used).all()
    assert 0 < one.base <= one.peak
    assert one.used.min() > 0


def test_the_kinds_take_turns_and_seeds_differ() -> None:
    assert [workload(seed, 1).kind for seed in range(len(KINDS))] == list(KINDS)
    assert not np.array_equal(workload(0, 1).used, workload(len(KINDS), 1).used)


def level(minutes: int, size: float = 100 * MIB) -> Workload:
    return Workload(
        "level", "flat", np.full(minutes, size), np.zeros(minutes, dtype=np.int64), 0.5 * size
    )


def test_a_level_is_followed_without_a_kill() -> None:
    found = play(level(3 * DAY), Settings())
    assert found.kills == found.vpa_kills == 0
    assert 0.2 < found.ratio < 0.55
    assert found.fixed_15_ratio == pytest.approx(0.5)
    assert found.oracle_ratio == pytest.approx(0.0)


def test_what_leaps_beyond_all_before_is_killed_once_and_counted() -> None:
    one = level(3 * DAY)
    one.used[2 * DAY + 600 : 2 * DAY + 660] *= 4
    _, kills, changes = ours(one, Settings())
    assert kills == 1
    assert changes > 0
    assert vpa(one, Settings())[1] >= 1


def test_a_new_version_begins_with_what_is_declared() -> None:
    one = level(3 * DAY)
    one.used[2 * DAY :] *= 1.9
    one.version[2 * DAY :] = 1
    assert ours(one, Settings())[1] == 0


def test_the_whole_is_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        memory_sizing, "played", lambda seed, days: play(workload(seed, days), FAST)
    )
    monkeypatch.setattr(
        memory_sizing,
        "unforeseeable",
        lambda seed, days: play(of_kind("weekly_job", seed, 1), FAST),
    )
    out = tmp_path / "out.json"
    status = memory_sizing.main(["--seeds", "0:2", "--days", "1", "--json", str(out)])
    found = json.loads(out.read_text())
    assert found["seeds"] == [0, 1]
    assert found["all"]["count"] == len(found["services"]) == 2
    assert set(found["kinds"]) == {"flat", "daily"}
    assert status == int(found["all"]["kills"] > 0 or found["all"]["ratio"] > 0.5)
    assert "VPA" in capsys.readouterr().out


def test_figures_count_who_is_within_the_goal() -> None:
    found = [play(level(2 * DAY), FAST), play(level(2 * DAY), Settings())]
    counted = figures(found)
    assert counted["count"] == 2
    assert counted["most"] >= counted["ratio"] >= 0
    assert counted["at_most_half"] == sum(one.ratio <= 0.5 for one in found)
