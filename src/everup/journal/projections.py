"""Incidents and actions as rows, changed by each entry in the transaction that writes it.

Flows in: one link of the chain. Flows out: the statements that its entry means, run at once; they
mean the same as `loop.fold`, and go on where the fold forgets: ended incidents and actions stay.
Called by `writing`. An entry about something unknown changes nothing.

An incident's attempts are not stored with it: they are its actions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from everup.journal.chain import Link, key_text
from everup.journal.codec import Codec
from everup.journal.session import Writing
from everup.journal.tables import ACTIONS, INCIDENTS
from everup.model import entries as e
from everup.model.evidence import OutcomeState, Sighting
from everup.model.incident import IncidentState

SIGHTINGS: Codec[Sighting] = Codec(Sighting)

_OPEN_INCIDENT = sa.insert(INCIDENTS)
_BEGIN_ACTION = sa.insert(ACTIONS)


def _update_incident(*columns: str) -> sa.Update:
    """An update of one open incident."""
    return (
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.stack == bindparam("of_stack"), INCIDENTS.c.id == bindparam("of_id"))
        .where(INCIDENTS.c.state == sa.literal_column("'open'"))
        .values({name: bindparam(name) for name in columns})
    )


def _update_action(state: str, *columns: str) -> sa.Update:
    """An update of one action of a service, in one of these states."""
    return (
        sa.update(ACTIONS)
        .where(ACTIONS.c.stack == bindparam("of_stack"), ACTIONS.c.id == bindparam("of_id"))
        .where(ACTIONS.c.service == bindparam("of_service"))
        .where(ACTIONS.c.state.in_([sa.literal_column(f"'{s}'") for s in state.split()]))
        .values({name: bindparam(name) for name in columns})
    )


_CHANGE_INCIDENT = _update_incident("cause", "reason", "victims", "waiting_for")
_WAIT = _update_incident("waiting_for")
_END_INCIDENT = _update_incident("state", "ended_at_s", "ending")

_OUTCOME = ("finished_at_s", "outcome", "error", "during")
_UNKNOWN = _update_action("acting", *_OUTCOME)
_DONE = _update_action("acting verifying", "state", *_OUTCOME)
_FAILED = _update_action("acting verifying", "state", "ended_at_s", *_OUTCOME)
_VERDICT = _update_action(
    "acting verifying", "state", "ended_at_s", "error", "verdict", "sighting_after"
).values(during=sa.func.coalesce(bindparam("during_seen"), ACTIONS.c.during))


def quoted(value: Any) -> str:
    """Text, or a list of texts, as JSON."""
    return json.dumps(value)


def project(writing: Writing, stack: str, link: Link) -> None:
    """Bring the projections up to this link."""
    change = _CHANGES.get(type(link.entry))
    if change is not None:
        change(writing, stack, link, link.entry)


def _opened(writing: Writing, stack: str, link: Link, entry: e.IncidentOpened) -> None:
    writing.run(
        _OPEN_INCIDENT,
        stack=stack,
        id=key_text(entry.incident_id),
        seq=link.row["seq"],
        service=key_text(entry.service),
        cause=str(entry.cause),
        reason=quoted(entry.reason),
        opened_at_s=entry.at_s,
        state=IncidentState.OPEN.value,
        victims=quoted(entry.victims),
        waiting_for=quoted(""),
        seen_at_s=entry.seen_at_s,
        ended_at_s=None,
        ending=quoted(""),
    )


def _changed(writing: Writing, stack: str, link: Link, entry: e.IncidentChanged) -> None:
    writing.run(
        _CHANGE_INCIDENT,
        of_stack=stack,
        of_id=key_text(entry.incident_id),
        cause=str(entry.cause),
        reason=quoted(entry.reason),
        victims=quoted(entry.victims),
        waiting_for=quoted(entry.waiting_for),
    )


def _ended(
    writing: Writing, stack: str, link: Link, entry: e.IncidentResolved | e.IncidentEscalated
) -> None:
    is_escalated = isinstance(entry, e.IncidentEscalated)
    state = IncidentState.ESCALATED if is_escalated else IncidentState.RESOLVED
    writing.run(
        _END_INCIDENT,
        of_stack=stack,
        of_id=key_text(entry.incident_id),
        state=state.value,
        ended_at_s=entry.at_s,
        ending=quoted(entry.case if isinstance(entry, e.IncidentEscalated) else entry.reason),
    )


def _gate(writing: Writing, stack: str, link: Link, entry: e.GateAnswered) -> None:
    if entry.incident_id is not None:
        _waits(writing, stack, entry.incident_id, f"{entry.check}: {entry.reason}")


def _waits(writing: Writing, stack: str, incident_id: str, text: str) -> None:
    writing.run(_WAIT, of_stack=stack, of_id=key_text(incident_id), waiting_for=quoted(text))


def _intended(writing: Writing, stack: str, link: Link, entry: e.Intended) -> None:
    writing.run(
        _BEGIN_ACTION,
        stack=stack,
        id=key_text(entry.action_id),
        seq=link.row["seq"],
        service=key_text(entry.step.target),
        incident_id=key_text(entry.incident_id),
        kind=str(entry.step.kind),
        origin=str(entry.origin),
        cause=str(entry.cause),
        state="acting",
        intended_at_s=entry.at_s,
        intent=link.row["payload"],
        finished_at_s=None,
        outcome="",
        error=quoted(""),
        ended_at_s=None,
        verdict=quoted(""),
        sighting_after="null",
        during="[]",
    )
    if entry.incident_id is not None:
        _waits(writing, stack, entry.incident_id, "")


def _finished(writing: Writing, stack: str, link: Link, entry: e.Finished) -> None:
    outcome = {
        "of_stack": stack,
        "of_id": key_text(entry.action_id),
        "of_service": key_text(entry.service),
        "finished_at_s": entry.at_s,
        "outcome": str(entry.outcome),
        "error": quoted(entry.error),
        "during": quoted(entry.during),
    }
    if entry.outcome == OutcomeState.DONE:
        writing.run(_DONE, state="verifying", **outcome)
    elif entry.outcome == OutcomeState.FAILED:
        writing.run(_FAILED, state="failed", ended_at_s=entry.at_s, **outcome)
    else:
        writing.run(_UNKNOWN, **outcome)


def _verified(writing: Writing, stack: str, link: Link, entry: e.Verified) -> None:
    after = entry.evidence.after
    writing.run(
        _VERDICT,
        of_stack=stack,
        of_id=key_text(entry.action_id),
        of_service=key_text(entry.service),
        state="verified" if entry.has_passed else "failed",
        ended_at_s=entry.at_s,
        error=quoted("" if entry.has_passed else entry.reason),
        verdict=quoted(entry.reason),
        sighting_after="null" if after is None else SIGHTINGS.dumps(after),
        during_seen=quoted(entry.evidence.during) if entry.evidence.during else None,
    )


_CHANGES: Mapping[type, Callable[[Writing, str, Link, Any], None]] = {
    e.IncidentOpened: _opened,
    e.IncidentChanged: _changed,
    e.IncidentResolved: _ended,
    e.IncidentEscalated: _ended,
    e.GateAnswered: _gate,
    e.Intended: _intended,
    e.Finished: _finished,
    e.Verified: _verified,
}
