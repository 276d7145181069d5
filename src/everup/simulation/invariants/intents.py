"""Promises 1, 2, 7 and 10: one action at a time, written before and after, by one controller."""

from __future__ import annotations

from everup.model.kinds import ActionKind
from everup.model.safe_point import of_number_alone
from everup.model.scaling import INSTANCES
from everup.runtimes.simulated.ledger import Deed
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection

OPEN_MOST_S = 900.0  # an action has ended by then, whatever happened: deadlines are far shorter
VERBS = {
    ActionKind.START: {"start"},
    ActionKind.STOP: {"stop"},
    ActionKind.RECREATE: {"recreate", "quarantine"},
    ActionKind.GRACEFUL_RESTART: {"restart", "quarantine"},
    ActionKind.CONTAINER_RESTART: {"restart", "quarantine"},
    ActionKind.DEPENDENCY_RECOVERY: {"restart"},
    ActionKind.EMERGENCY_ROLLBACK: {"restore", "set_instances"},
    ActionKind.SCALE_OUT: {"set_instances"},
    ActionKind.SCALE_IN: {"set_instances"},
}


def judge_deed(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """A call needs its own open intent, by the controller that holds the journal."""
    where = f"{deed.verb} {deed.instance or deed.service} by life {deed.life}"
    found: list[Objection] = []
    if deed.service not in case.world.services or not deed.service or deed.instance == "":
        found.append(("7", f"{where} has no target"))
    if action is None:
        return [*found, ("2", f"{where} without an intent in the journal")]
    if action.life != deed.life:
        found.append(("10", f"{where} on an intent of life {action.life}"))
    if deed.life != case.holder():
        found.append(("10", f"{where} while life {case.holder()} holds the stack"))
    parameters = action.intent.step.parameters
    is_both = bool(parameters.get(INSTANCES)) and action.kind is ActionKind.EMERGENCY_ROLLBACK
    most = 2 if is_both and not of_number_alone(parameters) else 1  # the version, and the number
    if len(action.deeds) > most:
        found.append(("1", f"{where} is call {len(action.deeds)} on the one intent {action.id}"))
    if deed.verb not in VERBS.get(action.kind, set()):
        found.append(("2", f"{where} on an intent to {action.kind}"))
    for other in case.world.ledger.under_way():
        is_waited_for = not other.result  # its caller has neither left nor been killed
        if other is not deed and other.service == deed.service and is_waited_for:
            found.append(("1", f"{where} on top of {other.verb} by life {other.life}"))
    return found


def judge_intent(case: Case, action: Action, life: int) -> list[Objection]:
    """No second one on the same service or for the same incident, and none of a former holder."""
    found: list[Objection] = []
    for other in case.chronicle.actions[-50:]:
        if other is action or not other.is_open:
            continue
        if other.service == action.service:
            found.append(("1", f"{action.id} while {other.id} on {other.service} has no end"))
        elif other.intent.incident_id == action.intent.incident_id is not None:
            found.append(("1", f"{action.id} and {other.id} both for {other.intent.incident_id}"))
    if life != case.holder():
        found.append(("10", f"life {life} wrote {action.id}, life {case.holder()} holds the stack"))
    return found


def judge_end(case: Case) -> list[Objection]:
    """Every intent that is not fresh has its outcome and its verdict."""
    now_s = case.world.now()
    return [
        ("2", f"{action.kind} {action.id} on {action.service} never ended")
        for action in case.chronicle.actions
        if action.is_open and now_s - action.at_s > OPEN_MOST_S
    ]
