"""What can be done here to keep a failure from spreading, gathered from the control as one value.

Flows in: the control and the look. Flows out: `Means`, read by `dependency_monitor.mitigations`.
Asks nobody: what is not known at this moment counts as missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everup.auto_scaler import Ask, Change, change
from everup.loop import scaling
from everup.loop.look import Look
from everup.model.kinds import Cause, Mode, is_known
from everup.model.mitigation import Growth, Means, MitigationKind
from everup.model.runtime import Capability
from everup.model.scaling import MEMORY, MEMORY_BEFORE

if TYPE_CHECKING:
    from everup.loop.control import Control

OUT, UP = MitigationKind.SCALE_OUT, MitigationKind.SCALE_UP
GROWS = {
    Cause.SLOW: OUT,
    Cause.OVERLOAD: OUT,
    Cause.LEAK: UP,
    Cause.MEMORY_PRESSURE: UP,
}


def gather(control: Control, look: Look) -> Means:
    """As things are now."""
    manifest = control.runtime.manifest
    no_router = control.traffic.no_router
    return Means(
        can=frozenset(c for c in Capability if manifest.can(c)),
        cannot=dict(manifest.why_not),
        runtime=manifest.name,
        routed=control.traffic.routed,
        no_router=no_router,
        heeded=control.breakers.heeded(has_router=not no_router),
        open=control.breakers.not_closed(),
        growth=_growth(control, look),
        may=_may(control),
    )


def _may(control: Control) -> frozenset[tuple[str, MitigationKind]]:
    """Where the owner named this very kind and said auto."""
    stack = control.stack
    return frozenset(
        (name, kind)
        for name, spec in stack.services.items()
        for kind in (MitigationKind.ISOLATE, MitigationKind.FAILOVER)
        if kind.action is not None
        and spec.modes.get(kind.action, stack.modes.get(kind.action)) is Mode.AUTO
    )


def _growth(control: Control, look: Look) -> dict[tuple[str, MitigationKind], Growth]:
    """Of those that are strained."""
    assessment, found = look.assessment, dict[tuple[str, MitigationKind], Growth]()
    causes = {n: assessment.relations.findings[n].cause for n in assessment.relations.roots}
    for prediction in assessment.predictions.items:
        causes.setdefault(prediction.service, prediction.cause)
    for name, cause in causes.items():
        kind = GROWS.get(cause)
        if kind is not None and name in control.stack.services:
            found[name, kind] = _grown(name, kind, control, look)
    return found


def _grown(name: str, kind: MitigationKind, control: Control, look: Look) -> Growth:
    stack, settings = control.stack, control.settings
    spec, action = stack.services[name], kind.action
    assert action is not None
    seen = scaling.scale(stack, look.observation, look.assessment, control.state, name)
    made = change(Ask(action, is_persons=False), spec, seen, stack, settings)
    cannot = scaling.stands_against(action, stack, name, settings, control.runtime.manifest)
    if not isinstance(made, Change):
        cannot = tuple(dict.fromkeys((*cannot, *made)))
    missing = tuple(refusal.text for refusal in cannot)
    if kind is OUT:
        count = max(1, seen.instances)
        text = made.text if isinstance(made, Change) else f"one more instance of {name}"
        return Growth(count / (count + 1), text, missing)
    if not isinstance(made, Change):
        return Growth(1.0, "", missing)
    after = float(made.step.parameters.get(MEMORY, float("nan")))
    before = float(made.step.parameters.get(MEMORY_BEFORE, float("nan")))
    share = before / after if is_known(after) and is_known(before) and after > 0 else 1.0
    return Growth(share, made.text, missing)
