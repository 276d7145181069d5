"""What is frozen now, and by what: a person's word, a label on a service, a file beside us. Pure.

Flows in: stack, state, observation. Flows out: `Freeze`s in force, the stack's first. Called by the
gate and by whoever shows them.
"""

from __future__ import annotations

from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Observation
from everup.model.stack import Stack
from everup.model.state import Freeze, StackState


def freezes_in_force(
    stack: Stack, state: StackState, observation: Observation, now_s: float
) -> list[Freeze]:
    """Sorted by scope, so that the stack's own come first."""
    found = [f for f in state.freezes.values() if not (is_known(f.until_s) and now_s >= f.until_s)]
    found += [
        Freeze(scope, reason, "a file", UNKNOWN)
        for scope, reason in observation.freezes.items()
        if not scope or scope in stack.services
    ]
    found += [
        Freeze(name, reason, "a label", UNKNOWN) for name, reason in stack.frozen_by_label.items()
    ]
    found += [
        Freeze(name, restraint.frozen_because, "a label", UNKNOWN)
        for name, restraint in observation.restraints.items()
        if restraint.frozen_because
        and name in stack.services
        and not stack.services[name].frozen_by_label
    ]
    return sorted(found, key=lambda f: (f.scope, f.by))


def freeze_on(
    service: str, stack: Stack, state: StackState, observation: Observation, now_s: float
) -> Freeze | None:
    """The first one that concerns this service; None: it is not frozen."""
    found = freezes_in_force(stack, state, observation, now_s)
    return next((one for one in found if one.scope in ("", service)), None)


def why_frozen(freeze: Freeze) -> str:
    """What is frozen, by whom and why."""
    what = f"service {freeze.scope}" if freeze.scope else "the stack"
    return f"{what} is frozen by {freeze.by}" + (f": {freeze.reason}" if freeze.reason else "")
