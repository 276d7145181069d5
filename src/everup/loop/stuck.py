"""A restore that could neither go on nor go back: the case, as an incident with a person. Pure but
for ids; called by `restores`.

Flows in: the service that is left between, and why. Flows out: entries. Whoever is told so is asked
to mend it; nothing more is done to the service by Everup itself until they have answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everup.loop.episodes import ended
from everup.loop.look import Look
from everup.model.entries import Entry, IncidentEscalated, IncidentOpened
from everup.model.kinds import Cause
from everup.model.restore import Restore

if TYPE_CHECKING:
    from everup.loop.control import Control


def escalated(
    control: Control, look: Look, restore: Restore, service: str, case: str
) -> list[Entry]:
    """On the incident that is open on it, or on one of its own."""
    if service not in control.stack.services:
        return []
    step = restore.step_of(service)
    was = "" if step is None else f" Before {restore.id} it ran from {step.from_title}."
    text = (
        f"{service}: {case}.{was} The restore was broken off: {restore.back_because}. After "
        f"mending it: everup heal {service}"
    )
    incident = control.state.incident_on(service)
    entries: list[Entry] = []
    if incident is not None:
        incident_id = incident.id
    else:
        incident_id = control.ids.new("inc")
        reason = f"{restore.id} could not be put back"
        entries.append(
            IncidentOpened(look.at_s, incident_id, service, Cause.REQUESTED, reason, (), look.at_s)
        )
    told = IncidentEscalated(look.at_s, incident_id, service, text)
    entries.append(told)
    if incident is not None:
        entries += ended(
            [told],
            control.stack,
            look.observation,
            look.assessment,
            control.state,
            control.memory,
            control.settings,
        )
    return entries
