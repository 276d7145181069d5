"""Takes up at the start what an earlier Everup has left: who of them still runs, and who has died.

Flows in: the registry and /proc. Flows out: running lives with handles, ended lives with an exit
that nobody witnessed. Blocks for some ten milliseconds; runs in a thread, once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from everup.model.observation import Exit
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import MARK, Handle, Identity, Mark
from everup.runtimes.processes.records import Key, Record, Registry, Stage


@dataclass(frozen=True, slots=True)
class Adopted:
    """One life as found. No handle: it is over."""

    record: Record
    handle: Handle | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A session leader that may be the main process of one of our lives."""

    stat: procfs.Stat
    mark: Mark | None


def adopt(
    registry: Registry,
    *,
    stack: str,
    home: str,
    log_of: Callable[[Key], Path],
    now_s: float,
    aside: Collection[str] = (),
) -> Sequence[Adopted]:
    """Every life that the registry knows or that carries our mark, and what became of it.

    `aside`: nonces of lives that are kept aside and are nobody's instance any more. The registry is
    brought up to date where it can be written.
    """
    found: dict[Key, Adopted] = {}
    candidates = _candidates(stack, home)
    for record in registry.load():
        mark = str(Mark(stack, *record.key, home, record.nonce))
        life = _resume(record, mark, candidates, str(log_of(record.key)), now_s)
        found[record.key] = life
        _save(registry, before=record, after=life.record)
    for candidate in candidates:
        stray = candidate.mark
        if stray is None or stray.nonce in aside:
            continue
        if _is_known(found.get((stray.service, stray.index)), stray.nonce):
            continue
        adopted = _unregistered(candidate.stat, stray, now_s)
        if adopted is not None:
            found[adopted.record.key] = adopted
            _save(registry, before=None, after=adopted.record)
    return tuple(found.values())


def _resume(
    record: Record, mark: str, candidates: Sequence[_Candidate], log: str, now_s: float
) -> Adopted:
    if record.stage is Stage.ENDED:
        return Adopted(record, None)
    if record.stage is Stage.STARTING:
        stat = _started(record, mark, candidates, log)
        if stat is not None:
            record = _running(record, stat, now_s)
    handle = _hold(record.identity, mark) if record.pid else None
    if handle is not None:
        return Adopted(replace(record, stage=Stage.RUNNING), handle)
    return Adopted(record.ended(Exit(at_s=now_s, was_witnessed=False)), None)


def _started(
    record: Record, mark: str, candidates: Sequence[_Candidate], log: str
) -> procfs.Stat | None:
    """The process of a start whose end Everup did not live to see.

    By its mark; or, where the program has written its title over its environment, as the oldest
    session leader since then that writes into the instance's file.
    """
    if record.boot_id != procfs.boot_id():
        return None
    since = [c for c in candidates if c.stat.start_ticks >= record.written_ticks - 1]
    marked = [c.stat for c in since if c.mark is not None and str(c.mark) == mark]
    silent = [c.stat for c in since if c.mark is None and procfs.writes_to(c.stat.pid, log)]
    return min(marked or silent, key=lambda stat: stat.start_ticks, default=None)


def _hold(identity: Identity, mark: str) -> Handle | None:
    """A handle, unless it has ended. Our own zombie still has a code to read and counts as held."""
    handle = Handle.open(identity, mark)
    if handle is None:
        return None
    stat = identity.stat()
    if stat is not None and (stat.state not in procfs.GONE_STATES or stat.parent == os.getpid()):
        return handle
    handle.close()
    return None


def _unregistered(stat: procfs.Stat, mark: Mark, now_s: float) -> Adopted | None:
    """A process with our mark that no record names: somebody has removed the registry."""
    record = Record(
        service=mark.service,
        index=mark.index,
        nonce=mark.nonce,
        boot_id=procfs.boot_id(),
        written_ticks=stat.start_ticks,
    )
    running = _running(record, stat, now_s)
    handle = _hold(running.identity, str(mark))
    return None if handle is None else Adopted(running, handle)


def _running(record: Record, stat: procfs.Stat, now_s: float) -> Record:
    return replace(
        record,
        stage=Stage.RUNNING,
        pid=stat.pid,
        start_ticks=stat.start_ticks,
        started_at_s=procfs.started_at_s(stat.start_ticks, now_s),
    )


def _candidates(stack: str, home: str) -> Sequence[_Candidate]:
    """Session leaders that carry our mark or none at all, oldest first."""
    found: list[_Candidate] = []
    for pid in procfs.all_pids():
        stat = procfs.read_stat(pid)
        if stat is None or stat.session != pid or stat.state in procfs.GONE_STATES:
            continue
        text = procfs.read_variable(pid, MARK)
        mark = Mark.parse(text, stack) if text is not None else None
        if text is None or (mark is not None and mark.home == home):
            found.append(_Candidate(stat, mark))
    return sorted(found, key=lambda c: c.stat.start_ticks)


def _is_known(life: Adopted | None, nonce: str) -> bool:
    """Is the place taken, or is this a descendant of a life whose main process has ended?"""
    return life is not None and (life.handle is not None or life.record.nonce == nonce)


def _save(registry: Registry, *, before: Record | None, after: Record) -> None:
    if after == before:
        return
    try:
        registry.save(after)
    except OSError:
        return  # the next start finds the same again
