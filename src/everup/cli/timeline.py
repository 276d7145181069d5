"""The timeline of an incident: one line for each thing that was found, decided, done or proven.

Flows in: journal entries as the API gives them. Flows out: (seconds, text) pairs. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.cli.handover import steps
from everup.cli.show import clean
from everup.cli.words import (
    HEALED_BY,
    ended,
    happened,
    listed,
    named,
    proof,
    span,
    spoken,
    until,
    was_down,
)
from everup.model.decision import HoldReason

HOLDS = frozenset(HoldReason) - {HoldReason.IN_FLIGHT}


def lines(story: Mapping[str, Any]) -> list[tuple[float, str]]:
    """In the order of the journal; the first sign of trouble comes before all."""
    found: list[tuple[float, str]] = []
    first_s, opened_s = story["origin_s"], story["opened_at_s"]
    if first_s is not None and opened_s is not None and first_s < opened_s - 0.05:
        found.append((first_s, "first sign of trouble"))
    known: Mapping[str, Any] = {}
    for entry in story["timeline"]:
        data = entry["data"]
        is_diagnosis = entry["type"] in ("IncidentOpened", "IncidentChanged")
        if entry["type"] == "IncidentResolved":
            data = {**data, "reason": _over(data["reason"], story)}
        for said in _diagnosis(data, known) if is_diagnosis else [_line(entry["type"], data)]:
            if said and (not found or found[-1][1] != clean(said)):
                found.append((entry["at_s"], clean(said)))
        known = data if is_diagnosis else known
    return [*found, *[(at_s, clean(said)) for at_s, said in steps(story)]]


def _diagnosis(data: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """What an entry says that the one before it did not."""
    hurts = f"it hurts {listed(data['victims'])}" if data["victims"] else ""
    if not known:
        text = f"confirmed: {data['service']} {happened(data['cause'])}: {data['reason']}"
        return [f"{text}; {hurts}" if hurts else text]
    found = []
    if data["cause"] != known["cause"]:
        found.append(f"better diagnosis: it {happened(data['cause'])}: {data['reason']}")
    if set(data["victims"]) - set(known["victims"]):
        found.append(hurts)
    reason, _, text = data["waiting_for"].partition(": ")
    if text and data["waiting_for"] != known.get("waiting_for", "") and reason in HOLDS:
        found.append(f"waits: {spoken(text)}")
    return found


def _line(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "GateAnswered":
            if data["check"] == "mode":
                return ""  # told by what would have been done
            waits = "waits" if data["answer"] == "delayed" else "is refused"
            ends = until(data["until_s"], None)
            return f"the next attempt {waits}{ends}: {spoken(data['reason'])}"
        case "ApprovalAsked":
            return f"asks a person for a yes: {named(data['kind'])}"
        case "WouldHaveDone":
            return f"would do this now, if the mode were auto: {named(data['kind'])}"
        case "IncidentResolved":
            return f"over: {spoken(data['reason'])}"
        case "IncidentEscalated":
            return "handed over to a person: nothing more is tried"
        case "EpisodeEnded":
            return _episode(data)
        case _:
            return _action(kind, data)


def _over(reason: str, story: Mapping[str, Any]) -> str:
    healed = HEALED_BY.match(reason)
    if healed is None:
        return reason
    nothing: Mapping[str, Any] = {}
    action = next((a for a in story["actions"] if a["id"] == healed[2]), nothing)
    return f"the {named(healed[1], is_down=was_down(action))} healed it"


def _action(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "Intended":
            by = "" if data["by"] == "everup" else f", asked by {data['by']}"
            over = f", in spite of {listed(list(data['overrides']))}" if data["overrides"] else ""
            is_down = data["before"]["condition"] == "down"
            name = named(data["step"]["kind"], is_down=is_down)
            return f"begins: {name} of {data['step']['target']}{by}{over}"
        case "Finished":
            how = {"done": "carried out", "failed": "failed"}.get(data["outcome"], "unknown so far")
            settled = " (found by looking at the world)" if data["settled"] else ""
            said = "; ".join(part for part in (data["error"], ended(data["during"])) if part)
            return f"{how}{settled}" + (f": {said}" if said else "")
        case "Verified":
            how = "proven" if data["has_passed"] else "did not help"
            return f"{how}: {spoken(proof(data['reason']))}"
        case _:
            return ""


def _episode(data: Mapping[str, Any]) -> str:
    if data["hindsight"] in ("right", "wrong"):
        return f"in hindsight acting would have been {data['hindsight']}"
    if data["ending"] == "by_itself":
        return f"ended by itself after {span(data['lasted_s'])}, which is remembered"
    return ""
