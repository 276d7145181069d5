"""The journal's entries about models: trained, not trained, and gone back to.

Part of `entries`, which is where everybody takes them from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN
from everup.model.learned import Craft


@dataclass(frozen=True, slots=True)
class ModelTrained:
    """A model was made and examined on time that it had not seen; `is_champion`: it serves from now
    on. The fields are those of `learned.ModelCard`."""

    at_s: float
    craft: Craft
    version: str
    address: str
    size_bytes: int
    from_s: float
    unseen_from_s: float
    to_s: float
    rows: int
    features: tuple[str, ...]
    is_champion: bool
    reason: str
    by: str
    scores: Mapping[str, float] = field(default_factory=dict)
    champion_scores: Mapping[str, float] = field(default_factory=dict)
    took_s: float = UNKNOWN
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelNotTrained:
    """An attempt gave no model, and why; who serves serves on."""

    at_s: float
    craft: Craft
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ModelReturned:
    """An earlier model serves again; `version` "": none does, and what needs no model goes on."""

    at_s: float
    craft: Craft
    version: str
    before: str
    reason: str
    by: str
