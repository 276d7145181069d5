"""Answers of Prometheus' `/api/v1/query_range`, as JSON files.

Flows in: one file, or all `*.json` of a folder, and the mapping. Flows out: a Recording. A series
belongs to the signal whose `metric` is its `__name__`, or, where a query left it without a name,
the name of its file without `.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from everup.model.history import Signal
from everup.replay.errors import BadRecording
from everup.replay.grid import Points, renamed
from everup.replay.mapping import Mapped, Source
from everup.replay.recording import Recording

BYTES_MOST = 512 * 1024 * 1024
FILES_MOST = 1000
LABELS = ("service", "container", "job", "instance")
"""Tried in this order where the mapping names none."""
QUERY = "save what /api/v1/query_range answers, unchanged"


def holds_answers(path: Path) -> bool:
    """Is it a folder with JSON files in it?"""
    return path.is_dir() and next(path.glob("*.json"), None) is not None


def open_prometheus(path: Path, mapping: Mapped, since_s: float, until_s: float) -> Recording:
    """The recording.

    Raises:
        BadRecording: with the file, the field, the value and the fix.
    """
    files = sorted(path.glob("*.json"))[:FILES_MOST] if path.is_dir() else [path]
    wanted = {one.metric: (signal, one) for signal, one in mapping.signals.items()}
    wanted = wanted or {str(signal): (signal, Source(str(signal))) for signal in Signal}
    points, unknown = Points(), dict[str, None]()
    for file in files:
        for index, series in enumerate(_series_of(file)):
            where = f"data.result[{index}]"
            labels = series.get("metric")
            if not isinstance(labels, dict):
                raise BadRecording(file, f"{where}.metric", labels, "is no mapping", QUERY)
            name = str(labels.get("__name__") or file.stem)
            if name not in wanted:
                unknown[name] = None
                continue
            signal, source = wanted[name]
            service = renamed(_service(file, where, labels, source, mapping), mapping.services)
            if service is not None:
                times, values = _values(file, where, series.get("values"))
                points.add(service, signal, times, values * source.scale)
    if not points.services:
        names = ", ".join(list(unknown)[:8]) or "none"
        raise BadRecording(
            *(path, "metrics", names, "none of them is mapped to a signal"),
            "name them in a mapping file: --mapping FILE (docs/replay.md)",
        )
    recording = points.recording(str(path), since_s, until_s)
    if unknown:
        recording.notes.append(f"not mapped, and left out: {', '.join(list(unknown)[:8])}")
    return recording


def _series_of(file: Path) -> Sequence[dict[str, Any]]:
    try:
        if file.stat().st_size > BYTES_MOST:
            size = f"{file.stat().st_size / 1e6:.0f} MB"
            raise BadRecording(file, "size", size, "is too large", "ask for shorter ranges")
        tree = json.loads(file.read_bytes())
    except OSError as error:
        raise BadRecording(file, "", "", str(error), "give a file that can be read") from None
    except ValueError as error:
        raise BadRecording(file, "", "", f"is no JSON: {error}", QUERY) from None
    if not isinstance(tree, dict) or "status" not in tree:
        raise BadRecording(file, "", "", "is no answer of Prometheus", QUERY)
    if tree["status"] != "success":
        said = tree.get("error", tree["status"])
        raise BadRecording(file, "status", said, "is no success", "mend the query, and ask again")
    data = tree.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else None
    if not isinstance(data, dict) or kind != "matrix":
        fix = "ask /api/v1/query_range, not /api/v1/query"
        raise BadRecording(file, "data.resultType", kind, "is not matrix", fix)
    result = data.get("result")
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise BadRecording(file, "data.result", result, "is no list of series", QUERY)
    return result


def _service(
    file: Path, where: str, labels: dict[str, Any], source: Source, mapping: Mapped
) -> str:
    wanted = source.label or mapping.label
    for label in (wanted,) if wanted else LABELS:
        if labels.get(label):
            return str(labels[label])
    named = wanted or " or ".join(LABELS)
    have = ", ".join(sorted(map(str, labels))) or "none"
    raise BadRecording(
        *(file, f"{where}.metric", have, f"has no label {named}"),
        "name the label of the service in the mapping: `label: …`",
    )


def _values(file: Path, where: str, values: Any) -> tuple[Any, Any]:
    try:
        pairs = np.array([(float(at), float(value)) for at, value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadRecording(
            file, f"{where}.values", "", f"are no pairs of time and value ({error})", QUERY
        ) from None
    pairs = pairs.reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
