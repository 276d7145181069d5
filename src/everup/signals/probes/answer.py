"""What an asker says, before it is timed. Passed from the askers to the prober."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, ProbeVerdict
from everup.model.observation import Heard

EXCERPT_MOST = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with the reason in words a person can use.

    `heard` is ANSWER where the service itself said so, in its own protocol. A time-out, a refused
    connection and a command that somebody wrote to ask are not its own word. `certificate_ends_s`:
    when the certificate that came with it ends.
    """

    verdict: ProbeVerdict
    detail: str
    heard: Heard = Heard.ANSWER
    certificate_ends_s: float = UNKNOWN


def excerpt(text: str) -> str:
    """The text on one short line, without control characters: it comes from a stranger."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= EXCERPT_MOST else line[: EXCERPT_MOST - 1] + "…"
