"""The words of suggesting: one thing that a service lacks, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = str | int | Sequence[str] | Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Advice:
    """One entry of a service in a Compose file: `key: value`, or below `under` where that is set.

    `is_active` False: a person has to decide or to finish it, so it is written as a comment.
    """

    service: str
    key: str
    value: Value
    why: str
    is_active: bool
    under: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """All advice for a project. `usage` is the command that lays the file over the
    owner's own, in `folder`.

    Judged services have a healthcheck, or a probe by label; one-shots need none and do not count.
    """

    project: str
    folder: str
    usage: str
    advice: tuple[Advice, ...]
    judged: int
    judged_then: int  # with the active lines of this file
    total: int
    notes: tuple[str, ...] = ()

    @property
    def coverage(self) -> str:
        """How many services can be judged now, and how many then."""
        then = f"; with this file {self.judged_then}" if self.judged_then > self.judged else ""
        return f"{self.judged} of {self.total} services can be judged{then}"
