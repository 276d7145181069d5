"""Why a service cannot have another size: its nature, in named reasons. Pure.

Flows in: the declaration and the stack around it. Flows out: refusals, each with what would change
it; empty where nothing stands against it. What depends on the amount is `ask`'s.
"""

from __future__ import annotations

from everup.model.kinds import ActionKind
from everup.model.scaling import COUNTS, Obstacle, Refusal, Spread
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack

SWITCH = "AUTO_SCALING_ENABLED"


def nature(
    kind: ActionKind, spec: ServiceSpec, stack: Stack, settings: Settings
) -> tuple[Refusal, ...]:
    """What stands against this kind for this service, whatever the amount."""
    found: list[Refusal] = []
    if not settings.auto_scaling_enabled:
        text = f"auto_scaler is switched off; set {SWITCH}=true"
        found.append(Refusal(Obstacle.SWITCHED_OFF, text))
    if kind in COUNTS and spec.is_one_shot:
        found.append(Refusal(Obstacle.ONE_SHOT, f"{spec.name} runs once and ends"))
    if kind is not ActionKind.SCALE_OUT:
        return tuple(found)
    if spec.has_bounds and spec.max_instances <= 1:
        text = f"its owner says that there is at most one {spec.name}"
        found.append(Refusal(Obstacle.SINGLETON, text))
    found += spec.no_copies
    if spec.spread is Spread.NONE and (spec.port is not None or stack.dependents_of(spec.name)):
        text = (
            f"nobody is known to bring work to further copies of {spec.name}: declare spread:"
            " client, router or queue where that is so"
        )
        found.append(Refusal(Obstacle.NO_ROUTER, text))
    return tuple(found)


def ports_taken(spec: ServiceSpec, count: int, stack: Stack) -> Refusal | None:
    """Copies of a process listen on the ports behind the first one's; another's may be there."""
    if spec.port is None or stack.runtime != "processes":
        return None
    wanted = range(spec.port, spec.port + count)
    for other in stack.services.values():
        if other.name == spec.name or other.port is None:
            continue
        theirs = range(other.port, other.port + max(other.instances, other.max_instances))
        if wanted.start < theirs.stop and theirs.start < wanted.stop:
            text = f"port {max(wanted.start, theirs.start)} of the host is that of {other.name}"
            return Refusal(Obstacle.FIXED_HOST_PORT, text)
    return None
