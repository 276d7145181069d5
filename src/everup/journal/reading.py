"""Questions to the journal: incidents, actions and entries in pages, and is the chain whole.

Flows in: filters and a cursor. Flows out: values of `model` and `loop.ports`. Synchronous, each in
one read transaction of bounded size; called by `sql_journal` through its worker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from everup.journal.chain import Head, entry_of, fault_in, key_text, label_fault_in
from everup.journal.codec import CodecError
from everup.journal.errors import damaged
from everup.journal.projections import SIGHTINGS
from everup.journal.session import Session
from everup.journal.tables import ACTIONS, ENTRIES, INCIDENTS, LEASES
from everup.loop.ports import ActionRecord
from everup.model.entries import Entry, Intended
from everup.model.incident import Attempt, Incident, IncidentState
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin

PAGE_MOST = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a chain was followed, and what is wrong with the next link ("": nothing)."""

    head: Head
    fault: str = ""


def find_incidents(
    session: Session,
    stack: str,
    *,
    limit: int = 1,
    before: str | None = None,
    state: str | None = None,
    service: str | None = None,
    incident_id: str | None = None,
) -> Sequence[Incident]:
    """Newest first, each with its attempts; `before` is the id of the last one seen."""
    found = sa.select(INCIDENTS).where(INCIDENTS.c.stack == stack)
    if state is not None:
        found = found.where(INCIDENTS.c.state == str(state))
    if service is not None:
        found = found.where(INCIDENTS.c.service == key_text(service))
    if incident_id is not None:
        found = found.where(INCIDENTS.c.id == key_text(incident_id))
    page = _page(found, INCIDENTS, stack, limit, before)
    with session.reading() as connection:
        rows = connection.execute(page).all()
        attempts = connection.execute(
            sa.select(ACTIONS)
            .where(ACTIONS.c.stack == stack)
            .where(ACTIONS.c.incident_id.in_([row.id for row in rows]))
            .order_by(ACTIONS.c.seq)
        ).all()
    by_incident: dict[str, list[Attempt]] = {row.id: [] for row in rows}
    for row in attempts:
        by_incident[row.incident_id].append(_attempt(row))
    return [_incident(session, row, by_incident[row.id]) for row in rows]


def find_actions(
    session: Session,
    stack: str,
    *,
    limit: int = 1,
    before: str | None = None,
    service: str | None = None,
    action_id: str | None = None,
) -> Sequence[ActionRecord]:
    """Newest first; `before` is the id of the last one seen."""
    found = sa.select(ACTIONS).where(ACTIONS.c.stack == stack)
    if service is not None:
        found = found.where(ACTIONS.c.service == key_text(service))
    if action_id is not None:
        found = found.where(ACTIONS.c.id == key_text(action_id))
    with session.reading() as connection:
        rows = connection.execute(_page(found, ACTIONS, stack, limit, before)).all()
    return [_action(session, row) for row in rows]


def find_entries(
    session: Session, stack: str, *, after: int, limit: int, incident_id: str | None
) -> Sequence[tuple[int, str, Entry]]:
    """In order, behind `after`; of one incident with all that its actions wrote, if asked."""
    found = sa.select(ENTRIES).where(ENTRIES.c.stack == stack, ENTRIES.c.seq > after)
    if incident_id is not None:
        key = key_text(incident_id)
        its_actions = sa.select(ACTIONS.c.id).where(
            ACTIONS.c.stack == stack, ACTIONS.c.incident_id == key
        )
        found = found.where((ENTRIES.c.incident_id == key) | ENTRIES.c.action_id.in_(its_actions))
    with session.reading() as connection:
        rows = connection.execute(found.order_by(ENTRIES.c.seq).limit(_bounded(limit))).all()
    return [(int(row.seq), row.hash, _entry(session, row)) for row in rows]


def check_links(session: Session, stack: str, head: Head, until: int, most: int) -> Checked:
    """The next links behind `head`: at most `most`, none behind `until`."""
    following = (
        sa.select(ENTRIES)
        .where(ENTRIES.c.stack == stack, ENTRIES.c.seq > head.seq, ENTRIES.c.seq <= until)
        .order_by(ENTRIES.c.seq)
        .limit(most)
    )
    with session.reading() as connection:
        rows = connection.execute(following).all()
    for row in rows:
        if fault := fault_in(row, head) or label_fault_in(row):
            return Checked(head, fault)
        head = Head(int(row.seq), row.hash)
    if len(rows) < most and head.seq < until:
        return Checked(head, f"sequence {head.seq + 1} is missing: the journal goes to {until}")
    return Checked(head)


def check_end(session: Session, stack: str, checked: Head) -> str:
    """What is wrong behind the last checked link, or with where the journal says it ends."""
    last = sa.select(sa.func.max(ENTRIES.c.seq)).where(ENTRIES.c.stack == stack)
    ends = sa.select(LEASES.c.head_seq, LEASES.c.head_hash).where(LEASES.c.stack == stack)
    with session.reading() as connection:
        seq = int(connection.execute(last).scalar_one() or 0)
        end = connection.execute(ends).one_or_none()
    if end is None or seq > end.head_seq:
        return f"sequence {seq} was added behind the end" if seq else ""
    if end.head_seq == checked.seq and end.head_hash != checked.hash:
        return f"sequence {checked.seq} is not the one that was written last"
    return ""


def hash_at(session: Session, stack: str, seq: int) -> str | None:
    """The hash of one entry; None when it is not there."""
    wanted = sa.select(ENTRIES.c.hash).where(ENTRIES.c.stack == stack, ENTRIES.c.seq == seq)
    with session.reading() as connection:
        found: str | None = connection.execute(wanted).scalar_one_or_none()
    return found


def _bounded(limit: int) -> int:
    return max(0, min(limit, PAGE_MOST))


def _page(
    found: sa.Select[Any], table: sa.Table, stack: str, limit: int, before: str | None
) -> sa.Select[Any]:
    if before is not None:
        cursor = sa.select(table.c.seq).where(
            table.c.stack == stack, table.c.id == key_text(before)
        )
        found = found.where(table.c.seq < cursor.scalar_subquery())
    return found.order_by(table.c.seq.desc()).limit(_bounded(limit))


def _number(value: float | None) -> float:
    return UNKNOWN if value is None else value


def _attempt(row: Any) -> Attempt:
    result = {"verified": "passed", "failed": "failed"}.get(row.state, "")
    error = json.loads(row.error) if result == "failed" else ""
    instance = json.loads(row.intent)["step"]["parameters"].get("instance", "")
    return Attempt(
        row.id,
        ActionKind(row.kind),
        _number(row.intended_at_s),
        result,
        error,
        origin=Origin(row.origin),
        instance=str(instance),
    )


def _incident(session: Session, row: Any, attempts: Sequence[Attempt]) -> Incident:
    try:
        return Incident(
            id=row.id,
            service=row.service,
            cause=Cause(row.cause),
            reason=json.loads(row.reason),
            opened_at_s=_number(row.opened_at_s),
            state=IncidentState(row.state),
            victims=tuple(json.loads(row.victims)),
            attempts=tuple(attempts),
            waiting_for=json.loads(row.waiting_for),
            seen_at_s=_number(row.seen_at_s),
            ended_at_s=_number(row.ended_at_s),
            ending=json.loads(row.ending),
        )
    except ValueError as error:
        raise damaged(session.where, f"incident {row.id}: {error}") from error


def _action(session: Session, row: Any) -> ActionRecord:
    try:
        intent = entry_of(Intended.__name__, row.intent)
        assert isinstance(intent, Intended)
        after = None if row.sighting_after == "null" else SIGHTINGS.loads(row.sighting_after)
        return ActionRecord(
            id=row.id,
            service=row.service,
            kind=row.kind,
            origin=row.origin,
            cause=row.cause,
            reason=intent.reason,
            by=intent.by,
            incident_id=row.incident_id,
            intended_at_s=_number(row.intended_at_s),
            state=row.state,
            parameters=intent.step.parameters,
            finished_at_s=row.finished_at_s,
            outcome=row.outcome,
            error=json.loads(row.error),
            ended_at_s=row.ended_at_s,
            verdict=json.loads(row.verdict),
            before=intent.before,
            after=after,
            during=tuple(json.loads(row.during)),
        )
    except ValueError as error:
        raise damaged(session.where, f"action {row.id}: {error}") from error


def _entry(session: Session, row: Any) -> Entry:
    try:
        return entry_of(row.kind, row.payload)
    except CodecError as error:
        raise damaged(session.where, f"sequence {row.seq}: {error}") from error
