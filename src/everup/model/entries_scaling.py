"""The journal's entry about what should be scaled. Part of `entries`, where it is taken from."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.scaling import ScalingChoice


@dataclass(frozen=True, slots=True)
class ScalingDecided:
    """Another size would be right for a service; whether the gate lets it be is said elsewhere.
    Written when it is another one than before, and not more often than once a window."""

    at_s: float
    service: str
    choice: ScalingChoice
