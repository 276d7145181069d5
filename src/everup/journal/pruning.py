"""Keeps a journal bounded: the oldest entries give way to a checkpoint that the chain itself names.

Flows in: how old an entry may be and how large the journal. Flows out: one short step at a time,
each a transaction of its own, so that it may be cut off anywhere. Called by `sql_journal`.

    1 ── 2 ── … ── S ── … ── JournalPruned(S, hash of S, digest of the checkpoint at S) ── …
    ╰─ removed ─╯  ╰ stays, and carries the hash of the one before it

First step: the state at S is written as a checkpoint, and an entry says so in the chain. Later
steps: what stands before S is removed, some at a time. So entries are missing only where a later
link of the same chain says which, and the checkpoint that stands for them has a digest that nobody
can change unseen.

What is open is never removed: S is never behind the opening of an incident that has not ended, nor
behind an intent without its verdict; the record of an incident that is with a person stays.
Purposes, freezes, cooldowns and all else that is true now live in the checkpoint's state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from everup.journal import checkpoints, leases, reading
from everup.journal.chain import Head, key_text, link
from everup.journal.proof import batch_of, floor_of
from everup.journal.session import Session, Writing
from everup.journal.tables import ACTIONS, CHECKPOINTS, ENTRIES, INCIDENTS, IS_OPEN
from everup.journal.worker import Ticket
from everup.journal.writing import write_link
from everup.model.entries import JournalPruned

AT_ONCE = 500
CUT_LEAST = 50
"""Fewer are not worth the entry that says so."""
GIVEN_BACK_AT_ONCE = 1024
"""Pages: 4 MiB, in some ten milliseconds."""
KEPT_LEAST = 1000
"""The latest entries stay, however old or large they are."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Entries from before `before_s` go, and the oldest while the journal is over `bytes_most`."""

    before_s: float
    bytes_most: float


_FORGET_ENTRIES = sa.delete(ENTRIES).where(
    ENTRIES.c.stack == sa.bindparam("of_stack"), ENTRIES.c.seq < sa.bindparam("before_seq")
)
_FORGET_CHECKPOINTS = sa.delete(CHECKPOINTS).where(
    CHECKPOINTS.c.stack == sa.bindparam("of_stack"), CHECKPOINTS.c.seq < sa.bindparam("before_seq")
)


def step(
    session: Session, stack: str, fence: int, bounds: Bounds, now_s: float, ticket: Ticket
) -> bool:
    """One step; True when another one would find something to do.

    Raises:
        JournalUnavailable: the database does not answer; nothing is half done.
        FenceLost: the fence is not ours any more.
        Damaged: an entry that was to be folded is not what was written.
    """
    first = reading.before_first(session, stack).seq + 1
    floor = floor_of(session, stack)
    if floor is not None and first < floor.until_seq:
        until = min(first + AT_ONCE, floor.until_seq)
        _remove(session, stack, fence, until, floor, ticket)
        return True
    until = _where_to_cut(session, stack, first, bounds)
    if until - first < CUT_LEAST:
        return False
    _fold_away(session, stack, fence, until, now_s, ticket)
    return True


def _where_to_cut(session: Session, stack: str, first: int, bounds: Bounds) -> int:
    """The entry that would be the first to stay; `first` when all of them may."""
    end = checkpoints.head_of(session, stack).seq
    most = min(first + AT_ONCE, end - KEPT_LEAST)
    of_open = (
        sa.select(sa.func.min(INCIDENTS.c.seq)).where(
            INCIDENTS.c.stack == stack, INCIDENTS.c.state == "open"
        ),
        sa.select(sa.func.min(ACTIONS.c.seq)).where(ACTIONS.c.stack == stack, IS_OPEN),
    )
    too_old = (
        sa.select(sa.func.max(ENTRIES.c.seq))
        .where(ENTRIES.c.stack == stack)
        .where(ENTRIES.c.seq >= first, ENTRIES.c.seq < first + AT_ONCE)
        .where(ENTRIES.c.at_s < bounds.before_s)
    )
    with session.reading() as connection:
        for oldest in of_open:
            held = connection.execute(oldest).scalar_one()
            most = most if held is None else min(most, int(held))
        if most - first < CUT_LEAST:
            return first
        used = session.database.used_bytes_sql
        if used and int(connection.exec_driver_sql(used).scalar_one()) > bounds.bytes_most:
            return most
        last = connection.execute(too_old).scalar_one()
    return first if last is None else min(most, int(last) + 1)


def _fold_away(
    session: Session, stack: str, fence: int, until: int, now_s: float, ticket: Ticket
) -> None:
    """A checkpoint at `until`, and the entry that says what it stands for."""
    digest = reading.hash_at(session, stack, until)
    folded = checkpoints.fold_to(session, stack, Head(until, digest or ""))
    with session.writing(ticket) as writing:
        head = leases.held_head(writing, stack, fence)
        entry = JournalPruned(
            now_s, until, folded.head.hash, checkpoints.write(writing, stack, folded)
        )
        (said,) = link(stack, head, [entry], batch_of(until))
        write_link(writing, stack, said)
        leases.advance(writing, stack, said.head)


def _remove(
    session: Session, stack: str, fence: int, until: int, floor: JournalPruned, ticket: Ticket
) -> None:
    """The entries before `until`, the records that ended before them, and their room on disk."""
    state = checkpoints.at(session, stack, floor.until_seq).state
    kept = [key_text(s.with_a_person) for s in state.services.values() if s.with_a_person]
    with session.reading() as connection:
        cut_at_s = connection.execute(
            sa.select(ENTRIES.c.at_s).where(
                ENTRIES.c.stack == stack, ENTRIES.c.seq == floor.until_seq
            )
        ).scalar_one()
    with session.writing(ticket) as writing:
        leases.held_head(writing, stack, fence)
        writing.run(_FORGET_ENTRIES, of_stack=stack, before_seq=until)
        writing.run(_FORGET_CHECKPOINTS, of_stack=stack, before_seq=floor.until_seq)
        _forget_records(writing, stack, until, cut_at_s, kept)
        if session.database.give_back_sql:
            writing.run_sql(session.database.give_back_sql, GIVEN_BACK_AT_ONCE)


def _forget_records(
    writing: Writing, stack: str, until: int, cut_at_s: float | None, kept: list[str | None]
) -> None:
    """At most as many as there were entries: each record has one that began it."""
    values = {"of_stack": stack, "before_seq": until, "cut_at_s": cut_at_s}
    for row in writing.run(_ENDED_ACTIONS, **values).fetchall():
        if row[1] is None or row[1] not in kept:
            writing.run(_FORGET_ACTION, of_stack=stack, of_id=row[0])
    for row in writing.run(_ENDED_INCIDENTS, **values).fetchall():
        if row[0] not in kept:
            writing.run(_FORGET_INCIDENT, of_stack=stack, of_id=row[0])


def _ended(table: sa.Table, *columns: sa.Column[Any]) -> sa.Select[Any]:
    is_over = table.c.ended_at_s.is_(None) | (table.c.ended_at_s <= sa.bindparam("cut_at_s"))
    return (
        sa.select(*columns)
        .where(table.c.stack == sa.bindparam("of_stack"))
        .where(table.c.seq < sa.bindparam("before_seq"), is_over)
    )


_ENDED_ACTIONS = _ended(ACTIONS, ACTIONS.c.id, ACTIONS.c.incident_id).where(
    sa.text(f"NOT ({IS_OPEN.text})")
)
_ENDED_INCIDENTS = _ended(INCIDENTS, INCIDENTS.c.id).where(
    INCIDENTS.c.state != sa.literal_column("'open'")
)
_FORGET_ACTION = sa.delete(ACTIONS).where(
    ACTIONS.c.stack == sa.bindparam("of_stack"), ACTIONS.c.id == sa.bindparam("of_id")
)
_FORGET_INCIDENT = sa.delete(INCIDENTS).where(
    INCIDENTS.c.stack == sa.bindparam("of_stack"), INCIDENTS.c.id == sa.bindparam("of_id")
)
