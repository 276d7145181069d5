"""Shapes of /models."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.learned import Craft, Standing


class ModelShape(Shape):
    """One model. `scores`: on time that it was not trained on, from `unseen_from_s` to `to_s`;
    `champion_scores`: of who served then, on the same time. `address`: the SHA-256 of its bytes."""

    version: str
    craft: Craft
    standing: Standing
    address: str
    size_bytes: int
    trained_at_s: float
    from_s: float
    unseen_from_s: float
    to_s: float
    rows: int
    features: list[str]
    scores: dict[str, Known]
    champion_scores: dict[str, Known]
    reason: str
    by: str
    took_s: Known
    notes: list[str]


class CraftShape(Shape):
    """What a model is for, and who serves. `serving` "": none does, and what needs none goes on.
    `fault`: why who should serve does not. `drift`: how far what is seen is from what it was
    trained on, in words; "" while it is near. `not_trained`: the latest attempt that gave none."""

    craft: Craft
    serving: str
    fault: str
    drift: str
    is_training: bool
    due_s: Known
    not_trained: str
    not_trained_at_s: Known
    models: list[ModelShape]


class ModelsShape(Shape):
    """`why_not`: why nothing can be trained here."""

    why_not: str
    crafts: list[CraftShape]


class OrderedShape(Shape):
    """It has begun; `GET /models` shows what came of it."""

    craft: Craft
    text: str
