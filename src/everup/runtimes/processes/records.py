"""The registry: one file per instance, written before a start and after it: no life is lost.

`starting` is written, with a fresh nonce, before there is a process; `running` once its pid is
known; `ended` with its exit. Whoever opens the registry next knows where to look for what.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Exit
from everup.model.sums import SumKey
from everup.runtimes import files
from everup.runtimes.processes.configuration import DECLARED, Configuration
from everup.runtimes.processes.identity import Identity

Key = tuple[str, int]
"""Service and index."""


class Stage(StrEnum):
    """How far a life has come."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Record:
    """One life of one instance.

    `written_ticks` is the boot clock just before the start: no process of this life is older.
    `configuration` is what it was started with, None when that was lost.
    """

    service: str
    index: int
    nonce: str
    boot_id: str
    written_ticks: int
    configuration: Configuration | None = None
    stage: Stage = Stage.STARTING
    pid: int = 0
    start_ticks: int = 0
    started_at_s: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    exit: Exit | None = None

    @property
    def key(self) -> Key:
        """Service and index."""
        return self.service, self.index

    @property
    def name(self) -> str:
        """What the instance is called."""
        return instance_name(self.service, self.index)

    @property
    def port(self) -> int | None:
        """The port that it was given."""
        base = self.configuration.port if self.configuration else None
        return None if base is None else base + self.index

    @property
    def identity(self) -> Identity:
        """Its process; pid 0 when none was ever seen."""
        return Identity(self.boot_id, self.pid, self.start_ticks)

    def version(self, key: SumKey) -> str:
        """Of what it was started with; "" when that was lost."""
        return self.configuration.version(key) if self.configuration else ""

    def ran_s(self, now_s: float) -> float:
        """How long it ran, or has run until now; 0 where nobody knows."""
        if self.exit is not None and is_known(self.exit.ran_s):
            return self.exit.ran_s
        return max(now_s - self.started_at_s, 0.0) if self.exit is None else 0.0

    def ended(self, exit: Exit) -> Record:
        """The same life, over."""
        return replace(self, stage=Stage.ENDED, exit=exit)


def instance_name(service: str, index: int) -> str:
    """`api-0`, `api-1`, …"""
    return f"{service}-{index}"


class Registry:
    """The folder of records. Its methods block for a few milliseconds and raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = files.make_folder(folder)

    def _path(self, key: Key) -> Path:
        return self._folder / files.file_name(instance_name(*key), ".json")

    def save(self, record: Record) -> None:
        """Durable when it returns."""
        files.save(self._path(record.key), to_content(record))

    def remove(self, key: Key) -> None:
        """Forget the instance."""
        files.remove(self._path(key))

    def load(self) -> list[Record]:
        """All records that can be understood; others are set aside. Raises TryAgain."""
        found: list[Record] = []
        for path in files.listed(self._folder, ".json"):
            content = files.load(path)
            if content is None:
                continue
            try:
                found.append(from_content(content))
            except (KeyError, TypeError, ValueError):
                files.set_aside(path)
        return found


def to_content(record: Record) -> dict[str, Any]:
    """JSON-able."""
    content = {name: getattr(record, name) for name in Record.__slots__}
    if record.configuration is not None:
        content["configuration"] = record.configuration.content()
    if record.exit is not None:
        content["exit"] = {k: _null(v) for k, v in asdict(record.exit).items()}
    return {k: _null(v) for k, v in content.items()}


def from_content(content: dict[str, Any]) -> Record:
    """The record that `to_content` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    values = {name: content[name] for name in Record.__slots__}
    values["stage"] = Stage(values["stage"])
    for name in ("started_at_s", "memory_limit_bytes"):
        values[name] = _unknown(values[name])
    if values["configuration"] is not None:
        fields = {**values["configuration"]}
        fields["command"] = tuple(fields["command"])
        for name in ("memory_bytes", DECLARED):
            if name in fields:
                fields[name] = _unknown(fields[name])
        values["configuration"] = Configuration(**fields)
    if values["exit"] is not None:
        exit_fields = {**values["exit"]}
        exit_fields["ran_s"] = _unknown(exit_fields["ran_s"])
        values["exit"] = Exit(**exit_fields)
    return Record(**values)


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and not is_known(value) else value


def _unknown(value: float | None) -> float:
    return UNKNOWN if value is None else float(value)
