"""The benchmark of scaling: what a step costs, who is held against whom, what is written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scaling_speed
from benchmarks.scaling import report
from benchmarks.scaling.__main__ import main, policies
from benchmarks.scaling.ours import Everup
from benchmarks.scaling.policies import Hpa, Line
from benchmarks.scaling.traces import STEP_S, made, read
from benchmarks.scaling.world import CAPACITY, START_S, Sight, needs, play

STARTS_IN = START_S // STEP_S


class Fixed:
    def __init__(self, *wanted: int) -> None:
        self._wanted = wanted
        self.seen: list[Sight] = []

    def want(self, sight: Sight) -> int:
        self.seen.append(sight)
        return self._wanted[min(len(self.seen), len(self._wanted)) - 1]


def wave(steps: int = 900, seed: int = 1) -> np.ndarray:
    at = np.arange(steps)
    level = 150.0 * (1.0 + 0.6 * np.sin(2 * np.pi * at / 480))
    return np.random.default_rng(seed).poisson(level).astype(float)


def test_what_is_ordered_takes_work_a_minute_later_and_goes_at_once() -> None:
    policy = Fixed(4, 4, 4, 4, 4, 4, 4, 2, 2)
    outcome = play(np.full(12, 17.0), policy)
    assert [sight.ready for sight in policy.seen][:6] == [1, 1, 1, 1, 4, 4]
    assert outcome.counts == [1, 1, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2]
    assert outcome.actions == 2
    assert outcome.needed_hours * 3600 / STEP_S == 12
    assert outcome.over_hours * 3600 / STEP_S == 3 * 7 + 3
    assert outcome.short_minutes == 0.0


def test_a_shortage_is_what_those_that_take_work_do_not_carry() -> None:
    demand = np.r_[np.full(4, 10.0), np.full(8, 40.0)]
    outcome = play(demand, Fixed(1, 1, 2))
    assert outcome.short_minutes == STARTS_IN * STEP_S / 60.0
    assert outcome.unserved_share == pytest.approx(STARTS_IN * 15.0 / demand.sum())


def test_no_policy_sees_what_comes() -> None:
    policy, demand = Fixed(3), wave(20)
    play(demand, policy)
    for sight in policy.seen:
        assert sight.seen.tolist() == demand[: sight.step].tolist()


def test_the_oracle_is_never_short_and_nobody_has_less_over() -> None:
    demand = wave()
    by_policy = {name: play(demand, policy) for name, policy in policies(demand).items()}
    oracle = by_policy["oracle"]
    assert oracle.short_minutes == 0.0
    assert min(oracle.counts) >= 1
    assert all(
        count >= need for count, need in zip(oracle.counts[2:], needs(demand)[2:], strict=True)
    )
    served = [one for one in by_policy.values() if one.short_minutes == 0.0]
    assert oracle.over_hours == min(one.over_hours for one in served)
    ours, usual = by_policy[report.OURS], by_policy[report.USUAL]
    assert ours.over_hours < usual.over_hours
    assert ours.actions <= 3 * usual.actions


def test_the_usual_autoscaler_by_hand() -> None:
    hpa = Hpa(0.5)
    assert hpa.want(Sight(2, 4, 4, np.full(2, 50.0))) == 4, "within its tolerance"
    assert hpa.want(Sight(3, 4, 4, np.full(3, 500.0))) == 8, "twice as many at most"
    assert hpa.want(Sight(4, 8, 4, np.full(4, 150.0))) == 12, "those that start count as idle"
    assert hpa.want(Sight(5, 8, 8, np.full(5, 10.0))) == 8, "the wishes of five minutes hold"
    assert hpa.want(Sight(40, 8, 8, np.full(40, 10.0))) == 1
    assert Line(0.7).want(Sight(61, 2, 2, np.arange(61.0))) > 3


def test_everup_never_has_less_than_is_asked_for_now() -> None:
    demand = wave(1200, 3)
    outcome = play(demand, Everup())
    carried = np.array(outcome.counts[3:]) * CAPACITY
    up = np.diff(outcome.counts)[2:] >= 0
    assert (carried[~up] >= demand[2:-1][~up] - 1e-6).all(), "whoever goes was not needed"


def test_made_demand_is_the_same_for_the_same_seed() -> None:
    one, other = made(7, days=1), made(7, days=1)
    assert set(one) == set(other)
    for name, demand in one.items():
        assert demand.tolist() == other[name].tolist()
        assert np.isfinite(demand).all()
        assert (demand >= 0.0).all()


def write(folder: Path, name: str, rows: list[tuple[float, float]]) -> None:
    text = "t,rps\n" + "".join(f"{t},{rps}\n" for t, rps in rows)
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


def test_a_trace_is_read_into_equal_steps(tmp_path: Path) -> None:
    write(tmp_path, "one", [(0, 3.0), (60, 5.0), (120, -1.0)])
    assert read(tmp_path)["one"].tolist() == [3.0] * 4 + [5.0] * 4 + [0.0] * 4


@pytest.mark.parametrize("rows", [[(0, 1.0)], [(0, 1.0), (20, 1.0)], [(0, 1.0), (60, 1), (90, 1)]])
def test_other_steps_are_refused(tmp_path: Path, rows: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"no \*"):
        read(tmp_path)
    write(tmp_path, "one", rows)
    with pytest.raises(ValueError, match="equal steps"):
        read(tmp_path)


def test_it_writes_figures_counts_and_plots(tmp_path: Path) -> None:
    write(tmp_path, "small", [(60.0 * at, 40.0 + 20 * (at % 7)) for at in range(60)])
    out = tmp_path / "out"
    out.mkdir()
    words = ["--traces", str(tmp_path), "--workers", "1", "--json", str(out / "figures.json")]
    words += ["--counts", str(out / "counts.json"), "--plots", str(out / "plots")]
    assert main(words) == 0
    figures = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    assert set(figures["traces"]["small"]) == set(policies(np.ones(9)))
    counts = json.loads((out / "counts.json").read_text(encoding="utf-8"))
    assert len(counts["small"]) == 240
    assert len(list((out / "plots").glob("*.svg"))) == 2
    with pytest.raises(SystemExit):
        main(["--traces", str(tmp_path), "--only", "other"])


def test_the_speed_benchmark_runs_small(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    words = ["--services", "10", "--warm", "30", "--times", "2", "--days", "0.01"]
    assert scaling_speed.main([*words, "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["services"] == 10
    assert found["everup_s"]["median"] > 0.0
    assert found["bytes_of_a_service"]["new"] < 200_000
