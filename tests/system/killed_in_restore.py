"""The real `everup`, which kills itself with SIGKILL at the n-th effect of a way back.

    python -m tests.system.killed_in_restore NUMBER [at-once-]before|[at-once-]after FILE up …

Nothing is faked. Effects are whatever outlives the process: what is written to the journal, to the
notes of the runtime and to what is kept, and every call that changes something on the engine. They
are counted from the first entry of a restore or of an `emergency_rollback` on, or `at-once`, where
one is under way already. FILE is told which effect it was.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from everup.blobs import VaultShelf
from everup.loop.book import Book
from everup.model.entries import Intended, RestoreBegan
from everup.model.kinds import ActionKind
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.store import Store

LOOKS = ("GET", "HEAD")


class Counter:
    """Dies at the n-th effect, `before` it is had or after."""

    def __init__(self, number: int, *, before: bool, at_once: bool, file: Path) -> None:
        self.left, self.before, self.file = number, before, file
        self.is_armed = at_once

    def saw(self, entries: Any) -> None:
        """Entries are about to be written: is a way back among them?"""
        self.is_armed = self.is_armed or any(map(_is_way_back, entries))

    def is_it(self) -> bool:
        """One more effect: is it the one?"""
        if not self.is_armed:
            return False
        self.left -= 1
        return self.left == 0

    def die(self, what: str) -> None:
        """Now, with nothing given back."""
        when = "before" if self.before else "after"
        self.file.write_text(f"{when} {what}", encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


def _is_way_back(entry: Any) -> bool:
    is_rollback = isinstance(entry, Intended) and entry.step.kind is ActionKind.EMERGENCY_ROLLBACK
    return is_rollback or isinstance(entry, RestoreBegan)


def _wrap(counter: Counter, owner: Any, name: str, what: Callable[..., str]) -> None:
    """`what` says in words which effect a call has; "" for none."""
    real = getattr(owner, name)

    async def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        text = what(*arguments, **named)
        is_it = bool(text) and counter.is_it()
        if is_it and counter.before:
            counter.die(text)
        result = await real(self, *arguments, **named)
        if is_it:
            counter.die(text)
        return result

    setattr(owner, name, wrapped)


def _wrap_plain(counter: Counter, owner: Any, name: str, what: Callable[..., str]) -> None:
    real = getattr(owner, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        is_it = counter.is_it()
        if is_it and counter.before:
            counter.die(what(*arguments))
        result = real(self, *arguments, **named)
        if is_it:
            counter.die(what(*arguments))
        return result

    setattr(owner, name, wrapped)


def arm(counter: Counter) -> None:
    """Everything that outlives us is counted."""

    def written(entries: Any) -> str:
        counter.saw(entries)
        names = sorted({type(one).__name__ for one in entries})
        return f"journal: {', '.join(names)}" if names else ""

    def intended(intent: Any, ending: Any = None) -> str:
        counter.saw([intent])
        return f"journal: Intended {intent.step.kind} {'' if ending is None else 'and Verified'}"

    def called(method: str, path: str, **_: Any) -> str:
        return "" if method in LOOKS else f"engine: {method} {path}"

    _wrap(counter, Book, "write", written)
    _wrap(counter, Book, "write_intent", intended)
    _wrap(counter, Engine, "call", called)
    _wrap_plain(counter, Store, "put", lambda room, name, *_: f"note of {room}: {name}")
    _wrap_plain(counter, Store, "remove", lambda room, name: f"no note of {room}: {name}")
    _wrap_plain(counter, VaultShelf, "_put", lambda name, *_: f"kept: {name}")
    _wrap_plain(counter, VaultShelf, "_remove", lambda name: f"not kept: {name}")


def main() -> None:
    """Arm it, then be everup."""
    number, when, file, *arguments = sys.argv[1:]
    at_once = when.startswith("at-once-")
    before = when.endswith("before")
    arm(Counter(int(number), before=before, at_once=at_once, file=Path(file)))
    sys.argv = ["everup", *arguments]
    from everup.cli import main as everup

    everup()


if __name__ == "__main__":
    main()
