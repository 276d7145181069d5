"""The state at some sequence, kept so that a start folds only what came after.

Flows in: the journal. Flows out: a state with the chain's head that it stands for; and new
checkpoints, of which the latest few are kept. Called by `sql_journal` in steps that are short
enough for a deadline.

A checkpoint is believed only if its version is ours, its content matches its digest and its chain
hash is the one of the entry it names; else an older one is used, and in the end all entries.

Where older entries were pruned, one checkpoint stands for them and is kept for ever. It is believed
in whatever version it was written, since nothing else is left: fields of a `StackState` get
defaults, and are never renamed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from everup.journal.chain import Head, entry_of, fault_in, start_of
from everup.journal.codec import Codec, CodecError, shape_of
from everup.journal.errors import damaged
from everup.journal.proof import floor_of
from everup.journal.session import Session, Writing
from everup.journal.tables import CHECKPOINTS, ENTRIES, LEASES
from everup.journal.worker import Ticket
from everup.loop.fold import fold
from everup.model.state import StackState

CHECKPOINTS_KEPT = 3
FOLDED_AT_ONCE = 1000

FOLD_GENERATION = 1
"""To be raised whenever `loop.fold` gives another state for the same entries."""

VERSION = f"{FOLD_GENERATION}-{hashlib.sha256(shape_of(StackState).encode()).hexdigest()[:12]}"

_STATES: Codec[StackState] = Codec(StackState, keeps_order=True)

_SAVE = sa.insert(CHECKPOINTS)
_PRUNE = (
    sa.delete(CHECKPOINTS)
    .where(CHECKPOINTS.c.stack == sa.bindparam("of_stack"))
    .where(CHECKPOINTS.c.seq < sa.bindparam("first_kept"))
    .where(CHECKPOINTS.c.seq != sa.bindparam("floor_seq"))
)
_REPLACED = sa.delete(CHECKPOINTS).where(
    CHECKPOINTS.c.stack == sa.bindparam("of_stack"), CHECKPOINTS.c.seq == sa.bindparam("of_seq")
)
_HELD = (
    sa.select(CHECKPOINTS.c.seq)
    .where(CHECKPOINTS.c.stack == sa.bindparam("of_stack"))
    .order_by(CHECKPOINTS.c.seq.desc())
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A state and the head of the chain that it is the fold of."""

    state: StackState
    head: Head


def digest_of(version: str, head: Head, state: str) -> str:
    """What a checkpoint's content must match."""
    return hashlib.sha256(f"{version}|{head.seq}|{head.hash}|{state}".encode()).hexdigest()


def head_of(session: Session, stack: str) -> Head:
    """Where the chain ends by the lease's word."""
    with session.reading() as connection:
        row = connection.execute(
            sa.select(LEASES.c.head_seq, LEASES.c.head_hash).where(LEASES.c.stack == stack)
        ).one_or_none()
    return start_of(stack) if row is None else Head(int(row.head_seq), row.head_hash)


def latest(session: Session, stack: str) -> Folded:
    """The newest checkpoint that can be believed; else nothing folded at all."""
    held = (
        sa.select(CHECKPOINTS, ENTRIES.c.hash.label("entry_hash"))
        .join(
            ENTRIES,
            (ENTRIES.c.stack == CHECKPOINTS.c.stack) & (ENTRIES.c.seq == CHECKPOINTS.c.seq),
        )
        .where(CHECKPOINTS.c.stack == stack)
        .order_by(CHECKPOINTS.c.seq.desc())
        .limit(CHECKPOINTS_KEPT)
    )
    with session.reading() as connection:
        rows = connection.execute(held).all()
    for row in rows:
        head = Head(int(row.seq), row.chain_hash)
        if row.version != VERSION or row.chain_hash != row.entry_hash:
            continue
        if row.digest != digest_of(row.version, head, row.state):
            continue
        try:
            return Folded(_STATES.loads(row.state), head)
        except CodecError:
            continue
    floor = floor_of(session, stack)
    return (
        Folded(StackState(), start_of(stack))
        if floor is None
        else at(session, stack, floor.until_seq)
    )


def at(session: Session, stack: str, seq: int) -> Folded:
    """The checkpoint that stands for what was pruned.

    Raises:
        Damaged: it is not there, was changed, or cannot be read by this version.
    """
    wanted = sa.select(CHECKPOINTS).where(CHECKPOINTS.c.stack == stack, CHECKPOINTS.c.seq == seq)
    with session.reading() as connection:
        row = connection.execute(wanted).one_or_none()
    what = f"the checkpoint at sequence {seq}, which stands for all before it"
    if row is None:
        raise damaged(session.where, f"{what}, is missing")
    head = Head(int(row.seq), row.chain_hash)
    if row.digest != digest_of(row.version, head, row.state):
        raise damaged(session.where, f"{what}, was changed")
    try:
        return Folded(_STATES.loads(row.state), head)
    except CodecError as error:
        raise damaged(session.where, f"{what}: {error}") from error


def fold_to(session: Session, stack: str, until: Head) -> Folded:
    """The state at one of the oldest entries, folded from where the chain begins now.

    Raises:
        Damaged: an entry in between is not what was written.
    """
    floor = floor_of(session, stack)
    folded = Folded(StackState(), start_of(stack))
    if floor is not None:
        folded = at(session, stack, floor.until_seq)
    while folded.head.seq < until.seq:
        folded = fold_on(session, stack, folded, until)
    return folded


def write(writing: Writing, stack: str, folded: Folded) -> str:
    """Write it as a checkpoint, in place of one that may be there; returns its digest."""
    text, head = _STATES.dumps(folded.state), folded.head
    digest = digest_of(VERSION, head, text)
    writing.run(_REPLACED, of_stack=stack, of_seq=head.seq)
    writing.run(
        _SAVE,
        stack=stack,
        seq=head.seq,
        version=VERSION,
        chain_hash=head.hash,
        state=text,
        digest=digest,
    )
    return digest


def fold_on(
    session: Session, stack: str, folded: Folded, until: Head, most: int = FOLDED_AT_ONCE
) -> Folded:
    """The next entries folded in, at most `most` and none behind `until`.

    Raises:
        Damaged: the chain is broken there, or an entry cannot be read.
    """
    tail = (
        sa.select(ENTRIES)
        .where(ENTRIES.c.stack == stack)
        .where(ENTRIES.c.seq > folded.head.seq, ENTRIES.c.seq <= until.seq)
        .order_by(ENTRIES.c.seq)
        .limit(most)
    )
    with session.reading() as connection:
        rows = connection.execute(tail).all()
    state, head = folded.state, folded.head
    if not rows:
        raise damaged(session.where, f"sequences {head.seq + 1} to {until.seq} are missing")
    for row in rows:
        if fault := fault_in(row, head):
            raise damaged(session.where, fault)
        try:
            state = fold(state, entry_of(row.kind, row.payload))
        except CodecError as error:
            raise damaged(session.where, f"sequence {row.seq}: {error}") from error
        head = Head(row.seq, row.hash)
    if head.seq == until.seq and head.hash != until.hash:
        raise damaged(session.where, f"it ends in another entry {head.seq} than was written")
    return Folded(state, head)


def save(session: Session, stack: str, until: Head, ticket: Ticket) -> None:
    """Fold up to `until`, write that down, and drop the oldest checkpoints."""
    folded = latest(session, stack)
    while folded.head.seq < until.seq:
        folded = fold_on(session, stack, folded, until)
    floor = floor_of(session, stack)
    floor_seq = 0 if floor is None else floor.until_seq
    with session.writing(ticket) as writing:
        held = [int(row[0]) for row in writing.run(_HELD, of_stack=stack).fetchall()]
        if held[:1] == [until.seq]:
            return
        write(writing, stack, folded)
        kept = held[: CHECKPOINTS_KEPT - 1]
        if kept:
            writing.run(_PRUNE, of_stack=stack, first_kept=kept[-1], floor_seq=floor_seq)
