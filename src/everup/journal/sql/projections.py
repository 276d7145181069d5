"""Incidents and actions as the API reads them, kept in the same transaction as the entries."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from everup.journal.sql import schema
from everup.journal.sql.codec import dumps, loads
from everup.loop.ports import ActionRecord
from everup.model import entries as e
from everup.model.evidence import OutcomeState
from everup.model.incident import Attempt, Incident, IncidentState


def project(connection: sa.Connection, stack: str, seq: int, entry: e.Entry) -> None:
    """Take one entry into the projections; most entries change none."""
    match entry:
        case e.IncidentOpened():
            opened = Incident(
                entry.incident_id,
                entry.service,
                entry.cause,
                entry.reason,
                entry.at_s,
                victims=entry.victims,
                seen_at_s=entry.seen_at_s,
            )
            connection.execute(
                sa.insert(schema.incidents),
                {
                    "stack": stack,
                    "id": opened.id,
                    "seq": seq,
                    "state": opened.state.value,
                    "service": opened.service,
                    "body": dumps(opened),
                },
            )
        case e.IncidentChanged():
            _change_incident(
                connection,
                stack,
                entry.incident_id,
                cause=entry.cause,
                reason=entry.reason,
                victims=entry.victims,
                waiting_for=entry.waiting_for,
            )
        case e.IncidentResolved():
            _change_incident(
                connection,
                stack,
                entry.incident_id,
                state=IncidentState.RESOLVED,
                ended_at_s=entry.at_s,
                ending=entry.reason,
                waiting_for="",
            )
        case e.IncidentEscalated():
            _change_incident(
                connection,
                stack,
                entry.incident_id,
                state=IncidentState.ESCALATED,
                ended_at_s=entry.at_s,
                ending=entry.case,
                waiting_for="",
            )
        case e.GateAnswered(incident_id=str() as incident_id):
            waiting = f"{entry.check}: {entry.reason}"
            _change_incident(connection, stack, incident_id, waiting_for=waiting)
        case e.Intended():
            _intended(connection, stack, seq, entry)
        case e.Finished():
            _finished(connection, stack, entry)
        case e.Verified():
            _verified(connection, stack, entry)


def read_incident(connection: sa.Connection, stack: str, incident_id: str) -> Incident | None:
    """None when there is no such incident."""
    table = schema.incidents
    body = connection.execute(
        sa.select(table.c.body).where(table.c.stack == stack, table.c.id == incident_id)
    ).scalar()
    return None if body is None else _incident(body)


def _incident(body: str) -> Incident:
    found: Incident = loads(Incident, body)
    return found


def read_action(connection: sa.Connection, stack: str, action_id: str) -> ActionRecord | None:
    """None when there is no such action."""
    table = schema.actions
    body = connection.execute(
        sa.select(table.c.body).where(table.c.stack == stack, table.c.id == action_id)
    ).scalar()
    return None if body is None else _action(body)


def _action(body: str) -> ActionRecord:
    found: ActionRecord = loads(ActionRecord, body)
    return found


def _change_incident(
    connection: sa.Connection, stack: str, incident_id: str, **changes: object
) -> None:
    known = read_incident(connection, stack, incident_id)
    if known is None:
        return
    changed: Incident = replace(known, **changes)  # type: ignore[arg-type]
    table = schema.incidents
    connection.execute(
        sa.update(table)
        .where(table.c.stack == stack, table.c.id == incident_id)
        .values(state=changed.state.value, body=dumps(changed))
    )


def _change_action(
    connection: sa.Connection, stack: str, known: ActionRecord, *, is_open: bool, **changes: object
) -> None:
    changed: ActionRecord = replace(known, **changes)  # type: ignore[arg-type]
    table = schema.actions
    connection.execute(
        sa.update(table)
        .where(table.c.stack == stack, table.c.id == known.id)
        .values(open_service=known.service if is_open else None, body=dumps(changed))
    )


def _intended(connection: sa.Connection, stack: str, seq: int, entry: e.Intended) -> None:
    record = ActionRecord(
        id=entry.action_id,
        service=entry.step.target,
        kind=entry.step.kind.value,
        origin=entry.origin.value,
        cause=entry.cause.value,
        reason=entry.reason,
        by=entry.by,
        incident_id=entry.incident_id,
        intended_at_s=entry.at_s,
        state="acting",
        parameters=dict(entry.step.parameters),
        before=entry.before,
    )
    connection.execute(
        sa.insert(schema.actions),
        {
            "stack": stack,
            "id": record.id,
            "seq": seq,
            "service": record.service,
            "open_service": record.service,
            "incident_id": record.incident_id,
            "body": dumps(record),
        },
    )
    incident = read_incident(connection, stack, entry.incident_id or "")
    if incident is not None:
        attempt = Attempt(entry.action_id, entry.step.kind, entry.at_s)
        _change_incident(
            connection,
            stack,
            incident.id,
            attempts=(*incident.attempts, attempt),
            waiting_for="",
        )


def _finished(connection: sa.Connection, stack: str, entry: e.Finished) -> None:
    known = read_action(connection, stack, entry.action_id)
    if known is None:
        return
    has_failed = entry.outcome is OutcomeState.FAILED
    is_done = entry.outcome is OutcomeState.DONE
    _change_action(
        connection,
        stack,
        known,
        is_open=not has_failed,
        state="failed" if has_failed else "verifying" if is_done else "acting",
        finished_at_s=entry.at_s,
        outcome=entry.outcome.value,
        error=entry.error,
        during=(*known.during, *entry.during),
        ended_at_s=entry.at_s if has_failed else None,
    )
    if has_failed:
        _end_attempt(connection, stack, known, "failed", entry.error)


def _verified(connection: sa.Connection, stack: str, entry: e.Verified) -> None:
    known = read_action(connection, stack, entry.action_id)
    if known is None:
        return
    _change_action(
        connection,
        stack,
        known,
        is_open=False,
        state="verified" if entry.has_passed else "failed",
        ended_at_s=entry.at_s,
        verdict=entry.reason,
        after=entry.evidence.after,
    )
    error = "" if entry.has_passed else entry.reason
    _end_attempt(connection, stack, known, "passed" if entry.has_passed else "failed", error)


def _end_attempt(
    connection: sa.Connection, stack: str, action: ActionRecord, result: str, error: str
) -> None:
    incident = read_incident(connection, stack, action.incident_id or "")
    if incident is None:
        return
    attempts = tuple(
        replace(a, result=result, error=error) if a.action_id == action.id else a
        for a in incident.attempts
    )
    _change_incident(connection, stack, incident.id, attempts=attempts)
