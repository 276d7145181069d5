"""Recordings of other makers: read as they are, and mistakes named with field, value and fix."""

from __future__ import annotations

import asyncio
import builtins
import json
import math
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.history.format import Header, begin, pack
from everup.model.history import INDEX, SIGNALS, Signal
from everup.replay import BadRecording, Recording, open_recording
from everup.replay.grid import Points
from everup.replay.mapping import read_mapping

START_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def opened(path: Path, mapping: str = "", *, last_s: float = math.inf) -> Recording:
    file = None
    if mapping:
        file = path.parent / "mapping.yaml"
        file.write_text(mapping)
    return asyncio.run(open_recording(path, file, last_s=last_s))


def column(recording: Recording, service: str, signal: Signal) -> list[float]:
    index = recording.services.index(service)
    return [
        round(float(v), 4)
        for _, values in recording.blocks()
        for v in values[:, INDEX[signal], index]
    ]


def times(recording: Recording) -> list[float]:
    return [t for block, _ in recording.blocks() for t in block.tolist()]


# --- tables -------------------------------------------------------------------------------------


def csv(folder: Path, text: str) -> Path:
    path = folder / "history.csv"
    path.write_text(text)
    return path


def test_a_long_table(tmp_path: Path) -> None:
    rows = "time,service,memory_ratio,probe_ok,comment\n"
    rows += "2026-01-01T00:00:00Z,api,0.5,1,x\n2026-01-01T00:00:00Z,db,,1,\n"
    rows += "2026-01-01T00:00:30,api,0.6,0,\n1767225630000,db,nan,1,\n"
    found = opened(csv(tmp_path, rows))
    assert found.services == ("api", "db")
    assert times(found) == [START_S, START_S + 30.0]
    assert found.step_s == 30.0
    assert column(found, "api", Signal.MEMORY_RATIO) == [0.5, 0.6]
    assert all(math.isnan(v) for v in column(found, "db", Signal.MEMORY_RATIO))
    assert column(found, "db", Signal.INSTANCES_UP) == [1.0, 1.0]
    assert "comment" in str(found.notes)


def test_a_wide_table_with_other_names(tmp_path: Path) -> None:
    rows = f"when,shop-1.mem,shop-2.mem,junk.mem\n{START_S},41,52,9\n{START_S + 5},42,51,9\n"
    mapping = "time: when\nservices: {shop-1: shop, shop-2: shop, junk: ''}\n"
    mapping += "signals: {memory_ratio: {metric: mem, scale: 0.01}}\n"
    found = opened(csv(tmp_path, rows), mapping)
    assert found.services == ("shop",)
    assert column(found, "shop", Signal.MEMORY_RATIO) == [0.52, 0.51], "the fullest one counts"


def test_the_end_of_it_alone(tmp_path: Path) -> None:
    rows = "time,a.cpu_ratio\n" + "".join(f"{START_S + 10 * n},{n}\n" for n in range(10))
    assert len(times(opened(csv(tmp_path, rows), last_s=30.0))) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; its first line names the columns"),
        ("a.cpu_ratio\n1\n", "none is the time (time or timestamp"),
        ("time,x\n1,2\n", "hold no signal; columns are called service.signal"),
        ("time,a.cpu_ratio\nyesterday,2\n", "line 2, time: 'yesterday' is no time; write seconds"),
        ("time,a.cpu_ratio\n-5,2\n", "line 2, time: '-5' is no time"),
        ("time,a.cpu_ratio\n5,much\n", "line 2, a.cpu_ratio: 'much' is no number; write a number"),
        ("time,a.cpu_ratio\n5,1,2\n", "line 2: 3 cells do not fit the head; each line has 2 cells"),
        ("time,a.cpu_ratio\n5,\n", "holds no value of any service and signal"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRecording) as caught:
        opened(csv(tmp_path, text))
    assert said in str(caught.value)
    assert "history.csv" in str(caught.value)


def test_parquet_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args)

    path = tmp_path / "history.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadRecording, match=r"needs pyarrow .* pip install 'everup\[parquet\]'"):
        opened(path)


class Column(list[Any]):
    def to_pylist(self) -> list[Any]:
        return list(self)


class Batch:
    def __init__(self, columns: list[list[Any]]) -> None:
        self._columns = columns

    def column(self, index: int) -> Column:
        return Column(self._columns[index])


class ParquetFile:
    """As pyarrow's, of two batches."""

    def __init__(self, path: Path) -> None:
        if path.read_bytes() != b"PAR1":
            raise OSError("not a Parquet file")
        self.schema_arrow = types.SimpleNamespace(names=["time", "a.memory_ratio"])

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def iter_batches(self) -> Iterator[Batch]:
        first = datetime.fromtimestamp(START_S, UTC)
        yield Batch([[first, first + timedelta(seconds=5)], [0.5, None]])
        yield Batch([[(first + timedelta(seconds=10)).replace(tzinfo=None)], [0.7]])


def test_parquet_is_a_table_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = types.ModuleType("pyarrow.parquet")
    vars(parquet)["ParquetFile"] = ParquetFile
    arrow = types.ModuleType("pyarrow")
    vars(arrow).update(parquet=parquet, ArrowException=ValueError)
    monkeypatch.setitem(sys.modules, "pyarrow", arrow)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    (tmp_path / "history.parquet").write_bytes(b"PAR1")
    found = opened(tmp_path / "history.parquet")
    assert times(found) == [START_S, START_S + 10.0], "an empty cell is no moment"
    assert column(found, "a", Signal.MEMORY_RATIO) == [0.5, 0.7]
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(BadRecording, match="cannot be read: not a Parquet file"):
        opened(tmp_path / "bad.parquet")


# --- Prometheus ---------------------------------------------------------------------------------


def answer(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> dict[str, Any]:
    result = [{"metric": labels, "values": [list(v) for v in values]} for labels, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def saved(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_range_data_of_a_folder(tmp_path: Path) -> None:
    steps = [START_S + 30.0 * n for n in range(3)]
    up = answer(
        ({"__name__": "up", "job": "api", "instance": "1"}, [(t, "1") for t in steps]),
        ({"__name__": "up", "job": "api", "instance": "2"}, [(t, "0") for t in steps]),
        ({"__name__": "go_info", "job": "api"}, [(steps[0], "1")]),
    )
    memory = answer(({"pod": "api"}, [(steps[0], "40"), (steps[1], "NaN"), (steps[2], "60")]))
    folder = tmp_path / "range"
    folder.mkdir()
    saved(folder, "up.json", up)
    saved(folder, "memory_percent.json", memory)
    mapping = "signals:\n  probe_ok: up\n"
    mapping += "  memory_ratio: {metric: memory_percent, label: pod, scale: 0.01}\n"
    found = opened(folder, mapping)
    assert found.services == ("api",)
    assert column(found, "api", Signal.PROBE_OK) == [0.5] * 3
    memory_seen = column(found, "api", Signal.MEMORY_RATIO)
    assert (memory_seen[0], memory_seen[2], math.isnan(memory_seen[1])) == (0.4, 0.6, True)
    assert "go_info" in str(found.notes)
    assert "1 values are no finite numbers" in str(found.notes)


def test_series_of_different_times_are_put_into_steps(tmp_path: Path) -> None:
    first = [(START_S + 30.0 * n, str(n)) for n in range(20)]
    second = [(START_S + 30.0 * n + 7.0, str(n)) for n in range(20)]
    series = [({"service": name}, values) for name, values in (("a", first), ("b", second))]
    found = opened(saved(tmp_path, "memory_ratio.json", answer(*series)))
    assert found.step_s == 30.0
    assert len(times(found)) == 20
    assert column(found, "a", Signal.MEMORY_RATIO) == [float(n) for n in range(20)]
    later = column(found, "b", Signal.MEMORY_RATIO)
    assert later == [float(n) for n in range(20)], "each is at the row nearest to it"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no answer of Prometheus; save what /api/v1/query_range answers"),
        ({"status": "error", "error": "bad query"}, "status: 'bad query' is no success; mend the"),
        (
            {"status": "success", "data": {"resultType": "vector", "result": []}},
            "data.resultType: 'vector' is not matrix; ask /api/v1/query_range",
        ),
        (answer(({"x": "y"}, [(1.0, "1")])), "has no label service or container or job"),
        (
            {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": 3}]}},
            "data.result[0].metric: 3 is no mapping",
        ),
        (answer(({"job": "a"}, [(1.0, "x")])), "are no pairs of time and value"),
        (answer(({"job": "a", "__name__": "z"}, [(1.0, "1")])), "'z' none of them is mapped"),
    ],
)
def test_what_is_wrong_with_range_data_is_named(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(BadRecording) as caught:
        opened(saved(tmp_path, "memory_ratio.json", content))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("signal: {}", "signal: {} is not known; did you mean signals?"),
        ("signals: {memory: x}", "signals: 'memory' is no signal"),
        ("signals: {memory_ratio: 3}", "signals.memory_ratio: 3 names no metric; write a metric's"),
        ("signals: {memory_ratio: {metric: x, skale: 2}}", "signals.memory_ratio.skale: 2 is not"),
        ("signals: {memory_ratio: {metric: x, scale: no}}", "memory_ratio.scale: False is no numb"),
        ("services: [a]", "services: ['a'] is no mapping of names"),
        ("label: 3", "label: 3 is no text; put it in quotes"),
        ("- a", "is no mapping; begin with `signals:`"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(BadRecording) as caught:
        read_mapping(path)
    assert said in str(caught.value)


# --- our own ------------------------------------------------------------------------------------


def segment(folder: Path, at_s: float, services: tuple[str, ...], signals: int) -> Path:
    """A minute of samples; the value of a cell is its service's number."""
    shape = (12, signals, len(services))
    values = np.broadcast_to(np.arange(len(services), dtype=np.float32), shape)
    moments = [at_s + 5.0 * n for n in range(shape[0])]
    path = folder / f"{int(at_s * 1000):013d}.history"
    header = Header("shop", services, tuple(SIGNALS)[:signals])
    path.write_bytes(begin(header) + pack(moments, list(values)))
    return path


def test_files_of_other_times_fit_together(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    segment(folder, START_S, ("a", "b"), len(SIGNALS) - 1)
    segment(folder, START_S + 60.0, ("c", "b"), len(SIGNALS))
    found = opened(tmp_path)
    assert (found.services, found.stack_name) == (("a", "b", "c"), "shop")
    assert len(times(found)) == 24
    b = column(found, "b", Signal.INSTANCES_UP)
    assert b == [1.0] * 24
    assert column(found, "c", Signal.INSTANCES_UP)[12:] == [0.0] * 12
    assert all(math.isnan(v) for v in column(found, "c", Signal.INSTANCES_UP)[:12])
    assert all(math.isnan(v) for v in column(found, "b", SIGNALS[-1])[:12])
    assert "no journal" in str(found.notes)


def test_damage_is_left_out_and_counted(tmp_path: Path) -> None:
    segment(tmp_path, START_S, ("a",), len(SIGNALS))
    broken = segment(tmp_path, START_S + 60.0, ("a",), len(SIGNALS))
    broken.write_bytes(broken.read_bytes()[:-7])
    found = opened(tmp_path)
    assert len(times(found)) == 12
    assert "1 damaged parts" in str(found.notes)
    for path in tmp_path.glob("*.history"):
        path.write_bytes(b"nothing")
    with pytest.raises(BadRecording, match="no file in it is a history of Everup"):
        opened(tmp_path)


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "gone", "is not there; give a state folder of Everup"),
        (tmp_path, "is no recording that is known"),
    ):
        with pytest.raises(BadRecording) as caught:
            opened(path)
        assert said in str(caught.value)


# --- the grid -----------------------------------------------------------------------------------

POINT = st.tuples(st.integers(0, 50), st.floats(allow_nan=True, allow_infinity=True, width=32))


@given(st.lists(POINT, min_size=1, max_size=60))
def test_any_points_make_rows_in_order_with_the_latest_value(
    given_points: list[tuple[int, float]],
) -> None:
    points = Points()
    moments = np.array([START_S + at for at, _ in given_points])
    values = np.array([v for _, v in given_points])
    points.add("a", Signal.LATENCY_S, moments, values)
    known = {START_S + at: v for at, v in given_points if math.isfinite(v)}
    if not known:
        with pytest.raises(BadRecording):
            points.recording("x", -math.inf, math.inf)
        return
    found = points.recording("x", -math.inf, math.inf)
    assert times(found) == sorted(known)
    rows = [float(v) for _, block in found.blocks() for v in block[:, INDEX[Signal.LATENCY_S], 0]]
    assert rows == [known[at] for at in sorted(known)]
    assert points.bad == sum(1 for _, v in given_points if not math.isfinite(v))
