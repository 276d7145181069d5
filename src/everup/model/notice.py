"""What people are told: occasions, threads, messages, and how a notifier is declared.

A thread is one incident, or one time in which Everup itself could not see. `loop.threads` folds
threads from the journal, `loop.owed` says which messages follow from them, notifiers send them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Occasion(StrEnum):
    """Where a thread stands, and so what there is to tell."""

    OPENED = "opened"
    ASKED = "asked"  # a person's word is waited for
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    FROZEN = "frozen"  # Everup itself cannot see, or may not act


TOLD_BY_DEFAULT = frozenset({Occasion.ASKED, Occasion.ESCALATED, Occasion.FROZEN})


@dataclass(frozen=True, slots=True)
class Thread:
    """One incident or fault of our own, with what was told of it.

    `told` holds `notifier:occasion` for what arrived and `notifier:occasion:refused` for what was
    given up on. `is_doubtful`: Everup was started again since; nobody has seen the fault anew.
    `question`: the approval that is asked for, since one incident may ask for several.
    """

    id: str
    occasion: Occasion
    text: str
    opened_at_s: float
    at_s: float  # when it came to this occasion
    service: str = ""
    told: tuple[str, ...] = ()
    is_doubtful: bool = False
    question: str = ""

    @property
    def stands(self) -> str:
        """What makes its present message another one than those before."""
        is_asked = self.occasion is Occasion.ASKED and self.question
        return f"{self.occasion}/{self.question}" if is_asked else self.occasion.value

    @property
    def is_over(self) -> bool:
        """Nothing more will happen in it."""
        return self.occasion is Occasion.RESOLVED


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell. `key` is the same whenever the same thing is told again, so that whoever
    receives it can drop a repetition; all messages of one incident share their `thread`."""

    key: str
    thread: str
    occasion: Occasion
    stack: str
    title: str
    text: str
    at_s: float
    service: str = ""
    is_follow_up: bool = False


@dataclass(frozen=True, slots=True)
class NotifierSpec:
    """A notifier as declared. `url` may be a secret, so it is in no repr."""

    kind: str  # log | command | webhook
    name: str
    on: frozenset[Occasion] = TOLD_BY_DEFAULT
    command: tuple[str, ...] = ()
    url: str = field(default="", repr=False)
    timeout_s: float = 10.0
    attempts: int = 4
    keys: tuple[tuple[str, str], ...] = ()  # of a webhook's JSON: key, and what; (): our own form
    names_service: bool = False  # a command's last word is the service that it is about


@dataclass(frozen=True, slots=True)
class HeartbeatSpec:
    """A dead man's switch: an address that hears of us as long as we look."""

    url: str = field(repr=False)
    every_s: float = 60.0
    timeout_s: float = 5.0
    method: str = "GET"
