"""What a check comes to. Pure; made by the judges, printed by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMES_MOST = 6


class State(StrEnum):
    """Weak: Everup works, and sees or heals less than it could. Wrong: it cannot work like this."""

    OK = "ok"
    WEAK = "weak"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is its name for scripts, `about` the project or path that it speaks of. Whatever is
    not ok has a fix."""

    check: str
    state: State
    text: str
    fix: str = ""
    about: str = ""


def ok(check: str, text: str, about: str = "") -> Finding:
    """All is well, and what there is."""
    return Finding(check, State.OK, text, about=about)


def weak(check: str, text: str, fix: str, about: str = "") -> Finding:
    """It will do."""
    return Finding(check, State.WEAK, text, fix, about)


def wrong(check: str, text: str, fix: str, about: str = "") -> Finding:
    """It will not do."""
    return Finding(check, State.WRONG, text, fix, about)


def some(names: list[str]) -> str:
    """A list for a sentence, the first ones of a long one."""
    more = len(names) - NAMES_MOST
    return ", ".join(names[:NAMES_MOST]) + (f" and {more} more" if more > 0 else "")


def count(number: int, noun: str) -> str:
    """`1 service`, `2 services`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
