"""Scaling of Everup's own accord: within bounds, never below what is asked, in nobody's way.

Judged by what was truly asked of a service and what one instance of it truly carries.
"""

from __future__ import annotations

import math

from everup.model import entries as e
from everup.model.decision import Check
from everup.model.kinds import ActionKind, Mode, Origin
from everup.model.scaling import COUNTS, INSTANCES
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection, is_scaling

NUMBER = "scaling"


def judge_intent(case: Case, action: Action, life: int) -> list[Objection]:
    """One change of a number."""
    if not is_scaling(action) or action.intent.step.undoes:
        return []
    found: list[Objection] = []
    spec = case.world.stack.services[action.service]
    what = f"{action.kind} {action.id} of {action.service}"
    if (spec.mode or case.world.stack.mode) is not Mode.AUTO:
        found.append((NUMBER, f"{what} in mode {spec.mode or case.world.stack.mode}"))
    if action.kind not in COUNTS:
        return found
    count = int(action.intent.step.parameters[INSTANCES])
    if not spec.has_bounds or spec.is_stateful:
        found.append((NUMBER, f"{what}, whose owner lets no number follow demand"))
    if action.kind is ActionKind.SCALE_IN and count < max(1, spec.min_instances):
        found.append((NUMBER, f"{what} to {count}, at least {spec.min_instances} are declared"))
    if action.kind is ActionKind.SCALE_OUT and count > spec.max_instances:
        found.append((NUMBER, f"{what} to {count}, at most {spec.max_instances} are declared"))
    if action.kind is ActionKind.SCALE_IN:
        found += _is_needed(case, action, count, what)
    return found


def _is_needed(case: Case, action: Action, count: int, what: str) -> list[Objection]:
    """Whoever goes must not have been needed for what was asked at any time of the last minute, nor
    while something is known to be wrong with it."""
    service, found = case.world.services[action.service], list[Objection]()
    if case.demand is not None:
        asked = case.demand.lowest(action.service)
        need = max(1, math.ceil(asked / service.nature.capacity_rps - 1e-9))
        if count < need:
            found.append((NUMBER, f"{what} to {count}, {asked:.0f} a second need {need}"))
    open_incidents = [
        name
        for name, opened in case.chronicle.incidents.items()
        if opened.service == action.service and name not in case.chronicle.endings
    ]
    if open_incidents:
        found.append((NUMBER, f"{what} while {open_incidents[0]} is open on it"))
    return found


def judge_end(case: Case) -> list[Objection]:
    """No recovery was told that its budget is spent by what only scaling did."""
    settings, found = case.settings, list[Objection]()
    for at_s, _, entry in case.chronicle.entries:
        if not isinstance(entry, e.GateAnswered) or entry.check is not Check.BUDGET:
            continue
        if entry.origin is not Origin.RECOVERY or "is the budget" not in entry.reason:
            continue
        spent = [
            a
            for a in case.chronicle.of_service.get(entry.service, ())
            if a.is_own and not is_scaling(a) and 0.0 <= at_s - a.at_s < settings.budget_window_s
        ]
        if len(spent) < settings.budget_actions:
            text = f"{entry.kind} of {entry.service} waits after {len(spent)} attempts of recovery"
            found.append((NUMBER, text))
    return found
