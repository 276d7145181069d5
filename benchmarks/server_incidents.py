"""Incidents of servers: `python -m benchmarks.server_incidents --data DIR --json OUT`.

DIR holds servers in the layout of ASD (see `servers`). The product's own detector with the settings
that ship reads all servers side by side, once, in time order: the training part teaches it what is
usual and is what the pooled model is fitted on; the test part is judged. The threshold is the one
that ships. Beside it an Isolation Forest on the rows and z scores are measured in the same run,
each with its threshold from a quantile of the training part. `--alarms FILE` also writes {server:
[[first row, last row], …]} of the test; events are then not needed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.events import Bools, Found, alarms_of, found_in
from benchmarks.servers import Floats, Server, read_servers
from everup.predictive_monitor.anomaly import Detector
from everup.predictive_monitor.anomaly.services import feature_names, features_of
from everup.training.anomaly import fit

INTERVAL_S = 300.0
SETTLED_ROWS = 1000
"""Features of the first rows are measured by what is hardly known yet: they train nothing."""
PEER_QUANTILES = (0.995, 0.999)
OURS = "Everup"
SEED = 0


@dataclass(frozen=True, eq=False)
class Run:
    """Alarm rows of the test part, per server; seconds of it all."""

    rows: list[Bools]
    took_s: float


def run_detector(servers: Sequence[Server]) -> Run:
    """Training part, model, test part."""
    began_s = time.perf_counter()
    metrics = max((s.metrics for s in servers), key=len)
    before, after = (_side_by_side(servers, part, len(metrics)) for part in ("train", "test"))
    detector, count = Detector(len(servers), metrics), len(servers)
    features = np.full((len(before), count, len(feature_names(metrics))), np.nan)
    for row, values in enumerate(before):
        step = detector.step(_times(row, count), values)
        features[row] = features_of(step.seen)
        features[row, ~np.isfinite(values).any(axis=1)] = np.nan
    usable = features[SETTLED_ROWS:]
    model = fit(usable.reshape(-1, usable.shape[2]), feature_names(metrics), seed=SEED)
    detector.adopt(model, usable)
    is_high = np.zeros((len(after), count), dtype=np.bool_)
    for row, values in enumerate(after):
        step = detector.step(_times(len(before) + row, count), values, model)
        is_high[row] = step.is_high
    rows = [is_high[: len(s.test), column] for column, s in enumerate(servers)]
    return Run(rows, time.perf_counter() - began_s)


def _times(row: int, count: int) -> Floats:
    return np.full(count, (row + 1) * INTERVAL_S)


def _side_by_side(servers: Sequence[Server], part: str, width: int) -> np.ndarray:
    """`[row, server, metric]`; training parts end together, tests begin together."""
    given = [getattr(server, part) for server in servers]
    longest = max(map(len, given))
    found = np.full((longest, len(servers), width), np.nan, dtype=np.float32)
    for column, values in enumerate(given):
        start = longest - len(values) if part == "train" else 0
        found[start : start + len(values), column, : values.shape[1]] = values
    return found


def peers_of(servers: Sequence[Server]) -> dict[str, Found]:
    """Isolation Forest on rows, and the root mean square of z scores."""
    from sklearn.ensemble import IsolationForest

    def forest(train: Floats, test: Floats) -> tuple[Floats, Floats]:
        grown = IsolationForest(n_estimators=200, max_samples=min(256, len(train)), random_state=0)
        grown.fit(train)
        return -grown.score_samples(train), -grown.score_samples(test)

    def z_scores(train: Floats, test: Floats) -> tuple[Floats, Floats]:
        mean, spread = train.mean(axis=0), train.std(axis=0) + 1e-3
        scores = (np.sqrt((((p - mean) / spread) ** 2).mean(axis=1)) for p in (train, test))
        before, after = scores
        return before, after

    found = {}
    for name, method in (("Isolation Forest on rows", forest), ("z, root mean square", z_scores)):
        scores = [method(np.nan_to_num(s.train), np.nan_to_num(s.test)) for s in servers]
        for quantile in PEER_QUANTILES:
            rows = [after > np.quantile(before, quantile) for before, after in scores]
            found[f"{name}, {quantile:g}"] = found_in(rows, [s.events or () for s in servers])
    return found


def table_of(found: dict[str, Found], servers: int) -> Table:
    """Ours and the peers."""
    table = Table(
        "detector", "recall", "precision", "F1", "alarms", "delay, rows",
        title=f"{servers} servers, {next(iter(found.values())).events} events",
    )  # fmt: skip
    for who, one in found.items():
        table.add_row(
            who,
            f"{one.recall:.2f}",
            f"{one.precision:.2f}",
            f"{one.f1:.2f}",
            str(one.alarms),
            "" if one.median_delay_rows is None else f"{one.median_delay_rows:g}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server_incidents", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="folder in the layout of ASD")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--alarms", type=Path, help="write {server: [[first, last], …]} here")
    parser.add_argument("--alone", action="store_true", help="leave the simple detectors out")
    chosen = parser.parse_args(arguments)
    servers = read_servers(chosen.data)
    run = run_detector(servers)
    if chosen.alarms is not None:
        spans = {s.name: alarms_of(rows) for s, rows in zip(servers, run.rows, strict=True)}
        chosen.alarms.write_text(json.dumps(spans) + "\n")
    console = Console()
    console.print(f"{len(servers)} servers in {run.took_s:.0f} s")
    content: dict[str, object] = {"servers": len(servers), "took_s": run.took_s}
    if all(s.events is not None for s in servers):
        found = {OURS: found_in(run.rows, [s.events or () for s in servers])}
        found |= {} if chosen.alone else peers_of(servers)
        console.print(table_of(found, len(servers)))
        content["detectors"] = {who: asdict(one) for who, one in found.items()}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
