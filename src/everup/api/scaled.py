"""What the API gathers of scaling, once for its routes and its metrics.

Flows in: the running control. Flows out: stories of services, their cost, and how far the
auto_scaler is as a whole. Read-only.
"""

from __future__ import annotations

from everup.api.engine import ControlView
from everup.api.shapes.health import ScalingStatusShape
from everup.auto_scaler import ServiceScale
from everup.auto_scaler.amounts import several
from everup.auto_scaler.override import is_changed
from everup.auto_scaler.sizes import mib
from everup.auto_scaler.spend import Cost
from everup.auto_scaler.story import Story
from everup.loop import scaler_story
from everup.loop import scaling as sizing
from everup.loop.look import NOTHING_SEEN, NOTHING_UNDERSTOOD
from everup.model.kinds import UNKNOWN, is_known
from everup.model.scaling import ScalingChoice


def around(control: ControlView) -> scaler_story.Around:
    """All that a story is gathered from."""
    look = control.look
    return scaler_story.Around(
        control.stack,
        control.settings,
        control.runtime.manifest,
        control.scaler,
        NOTHING_SEEN if look is None else look.observation,
        UNKNOWN if look is None else look.at_s,
        control.queue_faults,
        control.sleep.waiting,
    )


def scale_of(control: ControlView, name: str) -> ServiceScale:
    """How many there are of it now, and of what size."""
    look = control.look
    observation = NOTHING_SEEN if look is None else look.observation
    assessment = NOTHING_UNDERSTOOD if look is None else look.assessment
    return sizing.scale(control.stack, observation, assessment, control.state, name)


def story_of(control: ControlView, name: str) -> Story:
    """One service."""
    return scaler_story.story(around(control), name, scale_of(control, name))


def cost_of(control: ControlView, name: str) -> Cost:
    """What it costs now."""
    return scaler_story.spent(around(control), name, scale_of(control, name))


def changed(control: ControlView) -> list[str]:
    """Services that are not as declared."""
    stack = control.stack
    return [n for n in stack.services if is_changed(stack.services[n], scale_of(control, n))]


def status_of(control: ControlView) -> ScalingStatusShape:
    """For /status."""
    if not control.settings.auto_scaling_enabled:
        return ScalingStatusShape(state="off", changed=changed(control))
    scaler = control.scaler
    may = [name for name, one in scaler.opinions.items() if one.may_count]
    learned = [name for name in may if scaler_story.is_learned(scaler, name)]
    is_learned = bool(may) and len(learned) == len(may)
    is_learning = scaler.is_living_through or (bool(may) and not is_learned)
    found = "learning" if is_learning else "running"
    return ScalingStatusShape.model_validate(
        {
            "state": "waiting" if control.look is None else found,
            "learned": is_learned,
            "changed": changed(control),
            "services": len(scaler.opinions),
            "scalable": len(may),
            "services_learned": len(learned),
            "wants": [
                f"{name}: {said(one.choice)}"
                for name, one in scaler.opinions.items()
                if one.choice.is_change
            ],
            "waiting": len(scaler.waiting),
            "fault": scaler.fault,
        }
    )


def said(choice: ScalingChoice) -> str:
    """`4 instances instead of 2`, `memory 512 MiB of each`."""
    if choice.instances != choice.instances_now:
        return f"{several(choice.instances)} instead of {choice.instances_now}"
    if is_known(choice.memory_bytes):
        return f"memory {mib(choice.memory_bytes)} of each"
    return f"cpus {choice.cpus:g} of each"
