"""One batch of entries into the chain and its projections, in one transaction.

Flows in: entries, the writer's fence, the batch's id. Flows out: where the chain ends now.
Synchronous; called by `sql_journal` through its worker.

A batch whose id stands in the journal already is left as it is: the caller repeats what failed in a
way that left it in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from everup.journal import leases
from everup.journal.chain import Head, Link, entry_of, key_text, link
from everup.journal.errors import Conflict
from everup.journal.projections import project
from everup.journal.session import Session, Writing
from everup.journal.tables import ACTIONS, ENTRIES
from everup.journal.worker import Ticket
from everup.model.entries import Entry, Intended
from everup.model.errors import Contradiction

_WRITE = sa.insert(ENTRIES)
_BATCH = (
    sa.select(ENTRIES.c.kind, ENTRIES.c.payload)
    .where(ENTRIES.c.stack == sa.bindparam("of_stack"))
    .where(ENTRIES.c.batch_id == sa.bindparam("of_batch"))
)
_IN_FLIGHT = (
    sa.select(ACTIONS.c.id, ACTIONS.c.state)
    .where(ACTIONS.c.stack == sa.bindparam("of_stack"))
    .where(ACTIONS.c.service == sa.bindparam("of_service"))
    .where(ACTIONS.c.state.in_([sa.literal_column("'acting'"), sa.literal_column("'verifying'")]))
)


def write_batch(
    session: Session,
    stack: str,
    entries: Sequence[Entry],
    fence: int,
    batch_id: str,
    ticket: Ticket,
) -> Head:
    """Write the batch once, however often it is called with it.

    Raises:
        JournalUnavailable: the database does not answer.
        FenceLost: the fence is not ours any more.
        Contradiction: a service would have two actions.
        ValueError: the batch's id was used for other entries.
        CodecError: an entry holds what its type hints forbid.
    """
    try:
        with session.writing(ticket) as writing:
            head = leases.held_head(writing, stack, fence)
            links = link(stack, head, entries, batch_id)
            for one in links:
                writing.run(_WRITE, **one.row)
                project(writing, stack, one)
            if links:
                head = links[-1].head
                leases.advance(writing, stack, head)
    except Conflict as conflict:
        refusal = conflict
    else:
        return head
    with session.writing(ticket) as writing:
        head = leases.held_head(writing, stack, fence)
        if not _is_written(writing, stack, entries, batch_id):
            raise _refused(writing, stack, entries, refusal)
    return head


def _is_written(writing: Writing, stack: str, entries: Sequence[Entry], batch_id: str) -> bool:
    if not batch_id:
        return False
    found = writing.run(_BATCH, of_stack=stack, of_batch=key_text(batch_id)).fetchone()
    if found is None:
        return False
    same: list[Link] = link(stack, Head(0, ""), [entry_of(*found), *entries[:1]], "")
    if same[0].row["payload"] != same[1].row["payload"]:
        raise ValueError(f"batch {batch_id} stands in the journal with other entries")
    return True


def _refused(
    writing: Writing, stack: str, entries: Sequence[Entry], refusal: Conflict
) -> Contradiction:
    for entry in entries:
        if not isinstance(entry, Intended):
            continue
        service = key_text(entry.step.target)
        other = writing.run(_IN_FLIGHT, of_stack=stack, of_service=service).fetchone()
        if other is not None:
            return Contradiction(
                f"{entry.step.target} already has {other[0]} in flight ({other[1]}); "
                f"{entry.action_id} was not begun"
            )
    return Contradiction(f"what was to be written contradicts the journal of {stack}: {refusal}")
