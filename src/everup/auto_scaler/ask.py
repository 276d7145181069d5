"""What was asked of a service's size → one step, or named refusals. Pure.

Flows in: the kind (or none: whichever the amount says), the amount, the service as it is. Flows
out: a Change with the step and what must be true afterwards. Called by `loop` for a person's wish
and for a rung that is scaling's trade; how much is safe for the host is the gate's to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.auto_scaler import sizes
from everup.auto_scaler.refusals import nature, ports_taken
from everup.auto_scaler.state import ServiceScale
from everup.model.decision import Step
from everup.model.kinds import UNKNOWN, ActionKind
from everup.model.scaling import (
    BEFORE,
    COPIES_OF_A_PROCESSOR,
    INSTANCES,
    LEAVING,
    NOTHING_SAID,
    SIZES,
    Amount,
    Obstacle,
    Refusal,
)
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack


@dataclass(frozen=True, slots=True)
class Ask:
    """`is_persons`: where its owner declared no bounds, a person may go beyond what is there, as
    far as the machine is taken to bear it."""

    kind: ActionKind | None
    amount: Amount = NOTHING_SAID
    is_persons: bool = True
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The step, in words, and what must be seen afterwards."""

    step: Step
    text: str
    instances: int = 0
    memory_limit_bytes: float = UNKNOWN


def change(
    ask: Ask, spec: ServiceSpec, scale: ServiceScale, stack: Stack, settings: Settings
) -> Change | tuple[Refusal, ...]:
    """Of several refusals the first one is the one to tell."""
    if not scale.instances:
        text = f"nothing of {spec.name} has been seen to be there"
        return (Refusal(Obstacle.NOT_SEEN, text),)
    kind = ask.kind or _direction(ask.amount, scale)
    if isinstance(kind, Refusal):
        return (kind,)
    found = () if ask.undoes else nature(kind, spec, stack, settings)
    if found:
        return found
    if kind in SIZES:
        return _size(kind, ask, spec, scale)
    return _count(kind, ask, spec, scale, stack)


def _direction(amount: Amount, scale: ServiceScale) -> ActionKind | Refusal:
    if amount.instances and amount.has_limits:
        text = "ask for instances and for limits one after the other"
        return Refusal(Obstacle.NO_AMOUNT, text)
    if amount.instances:
        is_more = amount.instances > scale.instances
        return ActionKind.SCALE_OUT if is_more else ActionKind.SCALE_IN
    return sizes.direction(amount, scale)


def _count(
    kind: ActionKind, ask: Ask, spec: ServiceSpec, scale: ServiceScale, stack: Stack
) -> Change | tuple[Refusal, ...]:
    step_by = 1 if kind is ActionKind.SCALE_OUT else -1
    count = ask.amount.instances or scale.instances + step_by
    no = _no_such_count(kind, count, ask, spec, scale) or ports_taken(spec, count, stack)
    if no is not None and not ask.undoes:
        return (no,)
    leaving = scale.leaving[: max(0, scale.instances - count)]
    parameters: dict[str, str | int | float | bool] = {INSTANCES: count, BEFORE: scale.instances}
    if leaving:
        parameters[LEAVING] = ",".join(leaving)
        parameters["grace_s"] = spec.stop.grace_s * len(leaving)
    step = Step(kind, spec.name, parameters, ask.undoes or None, is_repeatable=True)
    text = f"{spec.name} from {scale.instances} to {count} instances"
    if leaving:
        text += f"; {', '.join(leaving)} would go"
    return Change(step, text, instances=count)


def _no_such_count(
    kind: ActionKind, count: int, ask: Ask, spec: ServiceSpec, scale: ServiceScale
) -> Refusal | None:
    is_bound = spec.has_bounds or not ask.is_persons
    most = spec.max_instances if is_bound else scale.borne
    least = max(1, spec.min_instances if is_bound else 1)
    now = scale.instances
    if count == now:
        return Refusal(Obstacle.NO_CHANGE, f"{spec.name} has {now} instances already")
    if (count > now) is not (kind is ActionKind.SCALE_OUT):
        text = f"{spec.name} has {now} instances, so that {count} is no {kind}"
        return Refusal(Obstacle.WRONG_WAY, text)
    if count > most and (is_bound or count > now):
        text = f"{count} instances of {spec.name} are above its most, {most}"
        if not is_bound:
            text += (
                f" while its owner declares none: {COPIES_OF_A_PROCESSOR} for each processor of"
                " this machine; to have more, declare instances: {max: …} or the label"
                " everup.max_instances"
            )
        return Refusal(Obstacle.ABOVE_MOST, text)
    if count < least:
        text = f"{count} instances of {spec.name} are below its least, {least}"
        return Refusal(Obstacle.BELOW_LEAST, text)
    return None


def _size(
    kind: ActionKind, ask: Ask, spec: ServiceSpec, scale: ServiceScale
) -> Change | tuple[Refusal, ...]:
    if not scale.running and ask.is_persons:
        text = f"no instance of {spec.name} runs, so that none can be given other limits"
        return (Refusal(Obstacle.NOT_RUNNING, text),)
    amount = ask.amount
    if not amount.has_limits and kind is ActionKind.SCALE_UP:
        amount = sizes.one_more(scale)
    no = sizes.refusal(kind, amount, spec.name, scale)
    if no is not None and not ask.undoes:
        return (no,)
    step = Step(
        kind, spec.name, sizes.parameters(amount, scale), ask.undoes or None, is_repeatable=True
    )
    return Change(
        step, sizes.text(spec.name, amount, scale), memory_limit_bytes=amount.memory_bytes
    )
