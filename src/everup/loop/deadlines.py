"""How long a step may last before it counts as not answered. Pure.

Flows in: the step, its service, the settings. Flows out: seconds. Asked by `perform`, which gives
up then, and by whoever tells a person beforehand. Many copies take longer than one.
"""

from __future__ import annotations

from everup.model.decision import Step
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec

COPY_S = 10.0
"""What each further copy may take to be made and started, or taken off."""


def lasts_most_s(step: Step, spec: ServiceSpec, settings: Settings) -> float:
    """The time of any action, what its instances may take to end, and more for each further copy
    that comes or goes."""
    grace_s = float(step.parameters.get("grace_s", spec.stop.grace_s))
    return settings.action_deadline_s + grace_s + _copies(step) * COPY_S * settings.time_scale


def _copies(step: Step) -> int:
    """Beyond the first."""
    if not step.parameters.get(INSTANCES):
        return 0
    count, before = int(step.parameters.get(INSTANCES, 0)), int(step.parameters.get(BEFORE, 0))
    return max(0, abs(count - before) - 1)
