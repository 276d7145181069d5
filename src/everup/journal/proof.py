"""Where a pruned chain begins, and what proves that nothing else is missing from it.

Flows in: the journal. Flows out: the entry that says which ones were folded away, and what is wrong
with that ("": nothing). Called by `pruning`, `checkpoints` and `sql_journal`.

The entry is found by the id of its batch, which names the checkpoint that it vouches for; the entry
itself is a link of the chain like any other.
"""

from __future__ import annotations

import sqlalchemy as sa

from everup.journal.chain import Head, entry_of
from everup.journal.codec import CodecError
from everup.journal.errors import damaged
from everup.journal.session import Session
from everup.journal.tables import CHECKPOINTS, ENTRIES
from everup.model.entries import JournalPruned

_CHECKPOINTS_MOST = 100


def batch_of(until_seq: int) -> str:
    """The batch id of the entry that vouches for the checkpoint at this sequence."""
    return f"pruned-{until_seq}"


def floor_of(session: Session, stack: str) -> JournalPruned | None:
    """The latest word on what was folded away; None when nothing was.

    Raises:
        Damaged: there is one that cannot be read.
    """
    held = (
        sa.select(CHECKPOINTS.c.seq)
        .where(CHECKPOINTS.c.stack == stack)
        .order_by(CHECKPOINTS.c.seq.desc())
        .limit(_CHECKPOINTS_MOST)
    )
    with session.reading() as connection:
        seqs = [int(row.seq) for row in connection.execute(held)]
        said = connection.execute(
            sa.select(ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.payload)
            .where(ENTRIES.c.stack == stack)
            .where(ENTRIES.c.batch_id.in_([batch_of(seq) for seq in seqs]))
            .order_by(ENTRIES.c.seq.desc())
            .limit(1)
        ).one_or_none()
    if said is None:
        return None
    try:
        entry = entry_of(said.kind, said.payload)
    except CodecError as error:
        raise damaged(session.where, f"sequence {said.seq}: {error}") from error
    return entry if isinstance(entry, JournalPruned) else None


def fault_at_beginning(session: Session, stack: str, first: Head) -> str:
    """What is wrong with a chain whose first link follows `first`; "" when nothing is."""
    if first.seq == 0:
        return ""
    floor = floor_of(session, stack)
    if floor is None or first.seq >= floor.until_seq:
        missing = 1 if floor is None else floor.until_seq
        return f"sequence {missing} is missing: nothing says that it was folded into a checkpoint"
    where = (ENTRIES.c.stack == stack, ENTRIES.c.seq == floor.until_seq)
    of = (CHECKPOINTS.c.stack == stack, CHECKPOINTS.c.seq == floor.until_seq)
    with session.reading() as connection:
        stays = connection.execute(sa.select(ENTRIES.c.hash).where(*where)).scalar_one_or_none()
        held = connection.execute(sa.select(CHECKPOINTS).where(*of)).one_or_none()
    if stays != floor.until_hash:
        return f"sequence {floor.until_seq} is not the one that the checkpoint there stands for"
    if held is None or held.digest != floor.digest:
        return f"the checkpoint at sequence {floor.until_seq} is not the one that was written"
    return ""
