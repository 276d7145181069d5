"""Anomalies in single series: `python -m benchmarks.anomalies --data DIR --json OUT`.

DIR holds series in the layout of NAB (see `series`). The product's own detector with the settings
that ship reads all files side by side, once, in time order; simple ones are measured in the same
run. The score is NAB's (see `nab`), at the threshold that ships and at the one that is best on the
set. `--scores FILE` also writes {file: [score per row]}; labels are then not needed. 0: nothing, or
said within the last 100 rows; from 3 on it is noted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.nab import Score, score_at, score_optimised
from benchmarks.series import Floats, Series, has_labels, read_folder
from benchmarks.simple_detectors import isolation_forest, told_once, windowed_gaussian
from everup.predictive_monitor.anomaly import Detector
from everup.predictive_monitor.anomaly.reports import QUIET_ROWS, RARE

SERVER_GROUPS = ("realAWSCloudwatch", "realKnownCause")
OURS, ALARMS = "Everup", "Everup, alarms alone"
UNSAID = 1e-3  # what was not said stays clearly below what was, also when it is written rounded
PUBLISHED = {
    "ARTime": (72.4, 73.9),
    "contextOSE": (66.4, 73.6),
    "HTM": (67.0, 70.9),
    "KNN-CAD": (50.0, 55.0),
    "Random Cut Forest": (49.7, 48.9),
}
"""On the development half of NAB: 12 server files, all 29. On other files they mean little."""
Names = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Run:
    """What the detector said: scores of what is noted and of alarms, per file; how poisoned the
    input was; seconds of it all."""

    noted: Names
    alarms: Names
    flaws: dict[str, int]
    took_s: float


def run_detector(files: Sequence[Series]) -> Run:
    """All files side by side, as services of one signal, each with its own clock."""
    rows, count = max(len(f.values) for f in files), len(files)
    times_s, values = np.full((rows, count), np.nan), np.full((rows, count, 1), np.nan)
    for column, series in enumerate(files):
        times_s[: len(series.values), column] = series.times_s
        values[: len(series.values), column, 0] = series.values
    detector = Detector(count, ("value",))
    noted, alarms = np.zeros((rows, count)), np.zeros((rows, count))
    quiet_note = quiet_alarm = np.zeros(count, dtype=np.int64)
    began_s = time.perf_counter()
    for row in range(rows):
        step = detector.step(times_s[row], values[row].astype(np.float32))
        level, sure = (RARE + given - step.bound for given in (step.level, step.sure))
        noted[row] = _spoken(level, step.noted, quiet_note)
        alarms[row] = _spoken(sure, step.alarms, quiet_alarm)
        quiet_note = np.where(step.noted, QUIET_ROWS, quiet_note - 1)
        quiet_alarm = np.where(step.alarms, QUIET_ROWS, quiet_alarm - 1)
    took_s = time.perf_counter() - began_s
    flaws = {kind: int(given.sum()) for kind, given in detector.flaws().items()}
    return Run(_by_file(files, noted), _by_file(files, alarms), flaws, took_s)


def _spoken(level: Floats, is_said: NDArray[np.bool_], quiet_rows: NDArray[np.int64]) -> Floats:
    """The level, but what was said already is not said again."""
    below = np.minimum(level, RARE - UNSAID)
    return np.where(is_said, level, np.where(quiet_rows > 0, 0.0, np.maximum(below, 0.0)))


def _by_file(files: Sequence[Series], scores: Floats) -> Names:
    return {f.name: scores[: len(f.values), column] for column, f in enumerate(files)}


def sets_of(files: Sequence[Series]) -> dict[str, list[Series]]:
    """The server files, the others, all; empty ones are left out."""
    server = [f for f in files if f.name.startswith(SERVER_GROUPS)]
    others = [f for f in files if not f.name.startswith(SERVER_GROUPS)]
    sets = {"server files": server, "other files": others, "all files": list(files)}
    return {name: chosen for name, chosen in sets.items() if chosen}


def peers_of(files: Sequence[Series]) -> dict[str, Names]:
    """The simple detectors, each as it is and told once."""
    found: dict[str, Names] = {}
    for name, detect in (
        ("windowed Gaussian", windowed_gaussian),
        ("Isolation Forest", isolation_forest),
    ):
        scores = {f.name: detect(f.values) for f in files}
        found[name] = scores
        found[f"{name}, told once"] = {file: told_once(s) for file, s in scores.items()}
    return found


def figures_of(
    files: Sequence[Series], run: Run, peers: Mapping[str, Names]
) -> dict[str, dict[str, dict[str, Score]]]:
    """Set → detector → {"ships": at our own threshold, "optimised": at the best one}."""
    found: dict[str, dict[str, dict[str, Score]]] = {}
    for name, chosen in sets_of(files).items():
        ours = {OURS: run.noted, ALARMS: run.alarms}
        found[name] = {
            who: {
                "ships": score_at(chosen, scores, RARE),
                "optimised": score_optimised(chosen, scores),
            }
            for who, scores in ours.items()
        }
        for who, scores in peers.items():
            found[name][who] = {"optimised": score_optimised(chosen, scores)}
    return found


def table_of(found: Mapping[str, Mapping[str, Mapping[str, Score]]], files: int) -> Table:
    """Ours, the peers of this run, and what is published."""
    table = Table(
        "set", "detector", "ships", "optimised", "hit", "wrong",
        title=f"NAB, standard profile, {files} files",
    )  # fmt: skip
    for name, detectors in found.items():
        for who, scores in detectors.items():
            ships, best = scores.get("ships"), scores["optimised"]
            shown = ships or best
            table.add_row(
                name,
                who,
                f"{ships.score:.1f}" if ships else "",
                f"{best.score:.1f}",
                f"{shown.hit}/{shown.windows}",
                str(shown.wrong_rows),
            )
    for who, (server, everything) in PUBLISHED.items():
        table.add_row("published", who, "", f"{server} / {everything}", "", "", style="dim")
    return table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomalies", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in the layout of NAB")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--scores", type=Path, help="write {file: [score per row]} here")
    parser.add_argument("--alone", action="store_true", help="leave the simple detectors out")
    chosen = parser.parse_args(arguments)
    files = read_folder(chosen.data)
    run = run_detector(files)
    if chosen.scores is not None:
        rounded = {name: np.round(s, 4).tolist() for name, s in run.noted.items()}
        chosen.scores.write_text(json.dumps(rounded) + "\n")
    console = Console()
    rows = sum(len(f.values) for f in files)
    console.print(f"{len(files)} files, {rows:,} rows in {run.took_s:.0f} s; input: {run.flaws}")
    content: dict[str, object] = {"files": len(files), "rows": rows, "took_s": run.took_s}
    if has_labels(chosen.data):
        found = figures_of(files, run, {} if chosen.alone else peers_of(files))
        console.print(table_of(found, len(files)))
        content["sets"] = {
            name: {who: {k: asdict(s) for k, s in by.items()} for who, by in detectors.items()}
            for name, detectors in found.items()
        }
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({**content, "flaws": run.flaws}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
