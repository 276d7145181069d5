"""The mapping file: which metric or column is which signal, and what services are called.

    label: service                 # the label (or column) that names the service
    time: timestamp                # tables: the column of the time
    services: {shop-api-1: api, sidecar: ""}      # other names; "" leaves it out
    signals:
      memory_ratio: {metric: container_memory_ratio, label: container}
      latency_s: {metric: probe_ms, scale: 0.001}
      probe_ok: up

Flows in: YAML. Flows out: a Mapping, or an error that names the field, the value and the fix.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from everup.model.history import Signal
from everup.replay.errors import BadRecording

KNOWN = ("label", "time", "services", "signals")
KNOWN_OF_SIGNAL = ("metric", "label", "scale")
BYTES_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where one signal comes from. `scale` makes its unit ours."""

    metric: str
    label: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Mapped:
    """The whole file; an empty one takes every name as it is."""

    label: str = ""
    time: str = ""
    services: dict[str, str] = field(default_factory=dict)
    signals: dict[Signal, Source] = field(default_factory=dict)


def read_mapping(path: Path) -> Mapped:
    """The file.

    Raises:
        BadRecording: with the field, the value and the fix.
    """
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MOST + 1)
        if len(text) > BYTES_MOST:
            raise BadRecording(path, "", "", "is no mapping: over 1 MiB", "give the mapping file")
        tree = yaml.safe_load(text)
    except OSError as error:
        raise BadRecording(path, "", "", str(error), "give a file that can be read") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise BadRecording(path, "", "", f"is no YAML: {said}", "mend that line") from None
    if not isinstance(tree, dict):
        raise BadRecording(path, "", tree, "is no mapping", "begin with `signals:`")
    _known(path, "", tree, KNOWN)
    services = tree.get("services") or {}
    if not isinstance(services, dict) or not all(isinstance(v, str) for v in services.values()):
        fix = "write `their name: our name`"
        raise BadRecording(path, "services", services, "is no mapping of names", fix)
    signals = tree.get("signals") or {}
    if not isinstance(signals, dict):
        fix = "write `memory_ratio: metric_name`"
        raise BadRecording(path, "signals", signals, "is no mapping", fix)
    return Mapped(
        _text(path, "label", tree.get("label", "")),
        _text(path, "time", tree.get("time", "")),
        {str(name): ours for name, ours in services.items()},
        {_signal(path, str(n)): _source(path, str(n), one) for n, one in signals.items()},
    )


def _signal(path: Path, name: str) -> Signal:
    try:
        return Signal(name)
    except ValueError:
        raise BadRecording(
            path, "signals", name, "is no signal", near(name, list(Signal))
        ) from None


def _source(path: Path, name: str, value: Any) -> Source:
    where = f"signals.{name}"
    if isinstance(value, str):
        return Source(value)
    if not isinstance(value, dict) or "metric" not in value:
        fix = "write a metric's name, or {metric: NAME, label: LABEL, scale: NUMBER}"
        raise BadRecording(path, where, value, "names no metric", fix)
    _known(path, where, value, KNOWN_OF_SIGNAL)
    scale = value.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not abs(scale) < 1e18:
        raise BadRecording(path, f"{where}.scale", scale, "is no number", "write 0.01, say")
    return Source(
        _text(path, f"{where}.metric", value["metric"]),
        _text(path, f"{where}.label", value.get("label", "")),
        float(scale),
    )


def _text(path: Path, where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRecording(path, where, value, "is no text", "put it in quotes")
    return value


def _known(path: Path, where: str, tree: dict[Any, Any], known: tuple[str, ...]) -> None:
    for name in tree:
        if name not in known:
            field = f"{where}.{name}" if where else str(name)
            raise BadRecording(path, field, tree[name], "is not known", near(str(name), known))


def near(name: str, known: list[Signal] | tuple[str, ...]) -> str:
    """The nearest known name, or all of them."""
    found = difflib.get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else f"known are {', '.join(map(str, known))}"
