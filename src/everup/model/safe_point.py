"""What a service can go back to: what ran when it was last seen to be well.

Written down by `loop.safe_points`, chosen by `rollback_manager`. The configuration itself lies on
the shelf (`loop.ports.Shelf`), since it may hold secrets; here is what a person may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.decision import ParameterValue
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.stack import ServiceSpec

SAFE_POINTS_MOST = 2
"""For each service: the latest, and the one before it, for whoever wants to go back by hand."""

FROM, TO, TITLE = "from", "to", "title"
"""Parameters of a step that goes back: versions, and what the target is called."""

FILES = "files"
"""Another one: True where configuration files are written for it."""


@dataclass(frozen=True, slots=True)
class SafePoint:
    """One version of one service that was well over its probation. `image` and `reference`: its
    content address, and the name of ours that keeps it from being pruned; "" where there is none.
    `instances`: how many there were then; 0: nobody wrote it down.
    """

    service: str
    version: str
    title: str
    kept_at_s: float
    image: str = ""
    reference: str = ""
    image_bytes: float = float("nan")
    instances: int = 0


def as_many(count: int) -> str:
    """A number of instances, where versions and numbers stand beside each other."""
    return f"*{count}"


def of_number_alone(parameters: Mapping[str, object]) -> bool:
    """Does a step that goes back change only how many instances there are?"""
    is_same = parameters.get(FROM) == parameters.get(TO)
    return bool(parameters.get(INSTANCES)) and is_same and not parameters.get(FILES)


def is_fewer(parameters: Mapping[str, ParameterValue]) -> bool:
    """Do instances go by such a step?"""
    return 0 < int(parameters.get(INSTANCES, 0)) < int(parameters.get(BEFORE, 0))


def number_stays(spec: ServiceSpec, now: int, then: int) -> str:
    """Why there cannot be as many instances as there were; "" when there can."""
    if spec.has_bounds and not spec.min_instances <= then <= spec.max_instances:
        least, most = spec.min_instances, spec.max_instances
        return f"{then} instances of {spec.name} are outside of its bounds, {least} to {most}"
    if then > now and spec.no_copies:
        return spec.no_copies[0].text
    return ""
