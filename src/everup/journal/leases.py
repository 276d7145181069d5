"""Who may write a stack's journal, and where its chain ends.

Flows in: an open write transaction. Flows out: a new fence for whoever opens the journal, or the
chain's end for whoever still holds it. Called by `writing`.

Opening takes the lease from whoever had it: one process is kept single by other means, and a fence
that only grows makes sure that an earlier holder, should it still live, writes nothing any more.
"""

from __future__ import annotations

import sqlalchemy as sa

from everup.journal.chain import Head, key_text, start_of
from everup.journal.session import Writing
from everup.journal.tables import LEASES
from everup.model.errors import FenceLost

_FIND = (
    sa.select(LEASES.c.holder, LEASES.c.fence, LEASES.c.head_seq, LEASES.c.head_hash)
    .where(LEASES.c.stack == sa.bindparam("of_stack"))
    .with_for_update()
)
_FIRST = sa.insert(LEASES)
_TAKE = (
    sa.update(LEASES)
    .where(LEASES.c.stack == sa.bindparam("of_stack"))
    .values(
        holder=sa.bindparam("holder"),
        fence=sa.bindparam("fence"),
        taken_at_s=sa.bindparam("taken_at_s"),
    )
)
_GIVE_BACK = (
    sa.update(LEASES)
    .where(LEASES.c.stack == sa.bindparam("of_stack"), LEASES.c.fence == sa.bindparam("ours"))
    .values(holder="")
)
_ADVANCE = (
    sa.update(LEASES)
    .where(LEASES.c.stack == sa.bindparam("of_stack"))
    .values(head_seq=sa.bindparam("head_seq"), head_hash=sa.bindparam("head_hash"))
)


def take(writing: Writing, stack: str, holder: str, now_s: float) -> int:
    """The new fence, higher than any before it."""
    held = writing.run(_FIND, of_stack=stack).fetchone()
    name = key_text(holder)
    if held is None:
        head = start_of(stack)
        writing.run(
            _FIRST,
            stack=stack,
            holder=name,
            fence=1,
            taken_at_s=now_s,
            head_seq=head.seq,
            head_hash=head.hash,
        )
        return 1
    fence = int(held[1]) + 1
    writing.run(_TAKE, of_stack=stack, holder=name, fence=fence, taken_at_s=now_s)
    return fence


def give_back(writing: Writing, stack: str, fence: int) -> None:
    """Nobody holds the stack any more, if it was ours."""
    writing.run(_GIVE_BACK, of_stack=stack, ours=fence)


def held_head(writing: Writing, stack: str, fence: int) -> Head:
    """The chain's end, locked until the transaction ends.

    Raises:
        FenceLost: somebody opened this stack's journal after us.
    """
    held = writing.run(_FIND, of_stack=stack).fetchone()
    if held is None:
        raise FenceLost(f"nobody holds {stack} in this journal: it is not the one that was opened")
    holder, current, seq, digest = held
    if current != fence:
        by = f" by {holder}" if holder else ""
        raise FenceLost(f"{stack} was taken over{by}: the fence is {current}, ours was {fence}")
    return Head(int(seq), digest)


def advance(writing: Writing, stack: str, head: Head) -> None:
    """The chain ends here now."""
    writing.run(_ADVANCE, of_stack=stack, head_seq=head.seq, head_hash=head.hash)
