"""A service's declared configuration as a value that can be stored, captured and applied.

Flows in: a `ServiceSpec`, or content that was captured earlier and is not to be trusted. Flows out:
a `Configuration`, or a `GiveUp` that names field, value and fix. Pure.
"""

from __future__ import annotations

import hashlib
import json
import math
import os.path
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from everup.model.errors import GiveUp
from everup.model.kinds import UNKNOWN, is_known
from everup.model.stack import ServiceSpec
from everup.model.sums import SumKey
from everup.model.version import SCHEME_END

INSTANCES_MOST = 100
SCHEME = "3"
"""Of versions: another one when another text is made of the same configuration."""
DIGITS = 16
GRACE_DIGITS = 6
"""Microseconds: what scaling there and back leaves behind would else be another configuration."""
DECLARED = "declared_bytes"
_USE = "configuration"
_OF_RELEASES = ("releases", "current", "release", "release_over")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a start needs to know. `memory_bytes` NaN: no limit; durations at true pace."""

    command: tuple[str, ...] = ()
    directory: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    port: int | None = None
    instances: int = 1
    memory_bytes: float = UNKNOWN
    stop_signal: str = "SIGTERM"
    stop_grace_s: float = 10.0
    releases: str | None = None
    current: str | None = None
    release: str | None = None  # the one that is used; None: what the link leads to
    release_over: str | None = None  # where the link led when `release` was applied
    declared_bytes: float | None = None  # the limit before Everup changed it; NaN: there was none

    @classmethod
    def of(cls, spec: ServiceSpec, time_scale: float = 1.0) -> Configuration:
        """As the owner declared it. `time_scale`: the pace that the spec's durations stand at."""
        return cls(
            command=spec.command,
            directory=spec.directory,
            env=dict(spec.env),
            user=spec.user,
            port=spec.port,
            instances=spec.instances,
            memory_bytes=spec.limits.memory_bytes,
            stop_signal=spec.stop.signal,
            stop_grace_s=round(spec.stop.grace_s / time_scale, GRACE_DIGITS),
            releases=spec.releases.directory if spec.releases else None,
            current=spec.releases.current if spec.releases else None,
        )

    def content(self) -> dict[str, object]:
        """JSON-able; unknown numbers become null."""
        return {
            "command": [*self.command],
            "directory": self.directory,
            "env": dict(self.env),
            "user": self.user,
            "port": self.port,
            "instances": self.instances,
            "memory_bytes": self.memory_bytes if is_known(self.memory_bytes) else None,
            "stop_signal": self.stop_signal,
            "stop_grace_s": self.stop_grace_s,
            **({name: getattr(self, name) for name in _OF_RELEASES} if self.releases else {}),
            **({} if self.declared_bytes is None else {DECLARED: _null(self.declared_bytes)}),
        }

    @property
    def digest(self) -> str:
        """Equal for equal configurations. Bare, for comparing within the state folder: it is shown
        to nobody, since the environment may hold secrets."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:DIGITS]

    def _text(self) -> str:
        return json.dumps(self.content(), sort_keys=True)

    def version(self, key: SumKey) -> str:
        """Equal for what is made of the same: the release, and all that its owner chose of how it
        is run, the limit that its owner declared among it; not how many there are."""
        limit = self.memory_bytes if self.declared_bytes is None else self.declared_bytes
        same = replace(
            self,
            instances=1,
            memory_bytes=float(limit),
            declared_bytes=None,
            current=None,
            release_over=None,
            directory=None,
        )
        if not self.releases:
            same = replace(same, directory=self.directory)
        return f"{key.scheme(SCHEME)}{SCHEME_END}{key.sum(_USE, same._text(), DIGITS)}"

    def limited_to(self, limit_bytes: float) -> Configuration:
        """The same with another limit that is not its owner's word."""
        if limit_bytes == self.memory_bytes or not (
            is_known(limit_bytes) or is_known(self.memory_bytes)
        ):
            return self
        owners = self.memory_bytes if self.declared_bytes is None else self.declared_bytes
        return replace(self, memory_bytes=limit_bytes, declared_bytes=owners)

    def title(self, key: SumKey) -> str:
        """What a person would call it."""
        if self.release:
            return f"release {os.path.basename(self.release)}"
        return f"configuration {key.sum(_USE, self._text(), DIGITS)}"

    @property
    def signal_number(self) -> signal.Signals:
        """The stop signal.

        Raises:
            GiveUp: there is no signal of that name.
        """
        try:
            return signal.Signals[self.stop_signal]
        except KeyError:
            raise GiveUp(
                f"stop_signal: {self.stop_signal!r} is no signal; use a name such as SIGTERM"
            ) from None

    @classmethod
    def parse(cls, content: Mapping[str, object]) -> Configuration:
        """The configuration that this content describes; what is left out has its default.

        Raises:
            GiveUp: a field is unknown or has a value that it cannot have.
        """
        for name in content:
            if name not in _PARSERS:
                known = ", ".join(sorted(_PARSERS))
                raise GiveUp(f"{name}: there is no such field; known are {known}")
        values: dict[str, Any] = {}
        for name, value in content.items():
            is_fit, expected, convert = _PARSERS[name]
            if not is_fit(value):
                raise GiveUp(f"{name}: {value!r} will not do; it must be {expected}")
            values[name] = convert(value)
        found = cls(**values)
        _ = found.signal_number
        return found


def _null(value: float) -> float | None:
    return value if is_known(value) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_text, value))


def _is_env(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(k) and k and "=" not in k and _is_text(v) for k, v in value.items()
    )


def _same(value: Any) -> Any:
    return value


_Parser = tuple[Callable[[Any], bool], str, Callable[[Any], Any]]
_TEXT_OR_NOTHING: _Parser = (lambda v: v is None or _is_text(v), "a text or null", _same)
_PARSERS: dict[str, _Parser] = {
    "command": (_are_texts, "a list of at least one text", tuple),
    "directory": _TEXT_OR_NOTHING,
    "env": (_is_env, "a mapping of names to texts", dict),
    "user": _TEXT_OR_NOTHING,
    "port": (lambda v: v is None or _is_count(v, 1, 65535), "a port or null", _same),
    "instances": (
        lambda v: _is_count(v, 1, INSTANCES_MOST),
        f"a whole number from 1 to {INSTANCES_MOST}",
        _same,
    ),
    "memory_bytes": (
        lambda v: v is None or (_is_number(v) and v > 0),
        "bytes above 0, or null for no limit",
        lambda v: UNKNOWN if v is None else float(v),
    ),
    DECLARED: (
        lambda v: v is None or (_is_number(v) and v > 0),
        "bytes above 0, or null for no limit",
        lambda v: UNKNOWN if v is None else float(v),
    ),
    "stop_signal": (_is_text, "a signal's name", _same),
    "stop_grace_s": (lambda v: _is_number(v) and v >= 0, "seconds from 0", float),
    **dict.fromkeys(_OF_RELEASES, _TEXT_OR_NOTHING),
}
