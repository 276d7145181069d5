"""What happens in one transaction: the fence, the chain, one action in flight, the projections."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from everup.journal.sql import schema
from everup.journal.sql.codec import encode
from everup.journal.sql.projections import project
from everup.model.entries import Entry, Intended
from everup.model.errors import FenceLost

FIRST_HASH = "0" * 64


def chain_hash(prev_hash: str, seq: int, kind: str, payload: str) -> str:
    """SHA-256 over the previous hash, the sequence, the kind and the payload."""
    return hashlib.sha256(f"{prev_hash}|{seq}|{kind}|{payload}".encode()).hexdigest()


def take_lease(connection: sa.Connection, stack: str, holder: str) -> int:
    """The next fence: whoever held the stack before can write no more."""
    table = schema.leases
    fence = connection.execute(sa.select(table.c.fence).where(table.c.stack == stack)).scalar()
    if fence is None:
        connection.execute(sa.insert(table), {"stack": stack, "holder": holder, "fence": 1})
        return 1
    connection.execute(
        sa.update(table).where(table.c.stack == stack).values(holder=holder, fence=fence + 1)
    )
    return int(fence) + 1


def check_fence(connection: sa.Connection, stack: str, fence: int) -> None:
    """Raises FenceLost when another controller took the stack."""
    table = schema.leases
    row = connection.execute(
        sa.select(table.c.fence, table.c.holder).where(table.c.stack == stack)
    ).first()
    if row is None or row.fence != fence:
        holder = row.holder if row is not None else "nobody"
        raise FenceLost(f"stack {stack} is held by {holder} now")


def check_one_in_flight(connection: sa.Connection, stack: str, entries: Sequence[Entry]) -> None:
    """Raises FenceLost when a service of these intents has an action without its end."""
    table = schema.actions
    for entry in entries:
        if not isinstance(entry, Intended):
            continue
        other = connection.execute(
            sa.select(table.c.id).where(
                table.c.stack == stack, table.c.open_service == entry.step.target
            )
        ).scalar()
        if other is not None:
            raise FenceLost(f"{other} on {entry.step.target} has not ended yet")


def write(connection: sa.Connection, stack: str, entries: Sequence[Entry], batch_id: str) -> None:
    """Append the entries; a batch that is already there is not written again."""
    if batch_id:
        table = schema.batches
        known = connection.execute(
            sa.select(table.c.seq).where(table.c.stack == stack, table.c.batch_id == batch_id)
        ).scalar()
        if known is not None:
            return
    seq, prev_hash = tip(connection, stack)
    for entry in entries:
        seq += 1
        kind, payload = encode(entry)
        digest = chain_hash(prev_hash, seq, kind, payload)
        connection.execute(
            sa.insert(schema.entries),
            {
                "stack": stack,
                "seq": seq,
                "at_s": entry.at_s,
                "kind": kind,
                "service": _service(entry),
                "incident_id": getattr(entry, "incident_id", None),
                "action_id": getattr(entry, "action_id", None),
                "payload": payload,
                "prev_hash": prev_hash,
                "hash": digest,
            },
        )
        prev_hash = digest
        project(connection, stack, seq, entry)
    if batch_id:
        connection.execute(
            sa.insert(schema.batches), {"stack": stack, "batch_id": batch_id, "seq": seq}
        )


def _service(entry: Entry) -> str | None:
    if isinstance(entry, Intended):
        return entry.step.target
    found: str | None = getattr(entry, "service", None)
    return found


def tip(connection: sa.Connection, stack: str) -> tuple[int, str]:
    """Sequence and hash of the newest entry."""
    table = schema.entries
    row = connection.execute(
        sa.select(table.c.seq, table.c.hash)
        .where(table.c.stack == stack)
        .order_by(table.c.seq.desc())
        .limit(1)
    ).first()
    return (0, FIRST_HASH) if row is None else (row.seq, row.hash)


def find_break(connection: sa.Connection, stack: str) -> str:
    """ "" when the chain is whole, else what is wrong with the first bad entry."""
    table = schema.entries
    prev_hash, expected = FIRST_HASH, 1
    rows = connection.execute(sa.select(table).where(table.c.stack == stack).order_by(table.c.seq))
    for row in rows:
        if row.seq != expected:
            return f"entry {expected} is missing, {row.seq} follows"
        if row.prev_hash != prev_hash:
            return f"entry {row.seq} does not follow the one before it"
        if row.hash != chain_hash(prev_hash, row.seq, row.kind, row.payload):
            return f"entry {row.seq} was changed after it was written"
        prev_hash, expected = row.hash, expected + 1
    return ""
