"""/models: what was learned, how good it proved, who serves; train one now, or go back to one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from everup.api.engine import Control, ControlView
from everup.api.parameters import NAME_LENGTH_MOST, By, Reason
from everup.api.problems import ApiProblem
from everup.api.shapes.models import CraftShape, ModelShape, ModelsShape, OrderedShape
from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import UNKNOWN
from everup.model.learned import Craft, ModelCard

router = APIRouter(prefix="/models", tags=["models"])

CraftInPath = Annotated[Craft, Path(description="what the model is for")]
Version = Annotated[
    str,
    Query(max_length=NAME_LENGTH_MOST, description="which; without it the one that served before"),
]


@router.get("")
async def models(control: Control) -> ModelsShape:
    """All that are kept, newest first."""
    return ModelsShape(
        why_not=control.models.why_not(), crafts=[_craft(control, craft) for craft in Craft]
    )


@router.post("/{craft}/train", status_code=202)
async def train(control: Control, craft: CraftInPath, by: By = "api") -> OrderedShape:
    """Train one now, in any mode: it serves only if it is better on time that it has not seen."""
    try:
        control.models.ask(craft, by)
    except TryAgain as error:
        text, again_s = str(error), error.retry_after_s
        raise ApiProblem(409, "under-way", text, retry_after_s=again_s) from error
    except GiveUp as error:
        raise ApiProblem(409, "cannot-train", str(error)) from error
    return OrderedShape(craft=craft, text=f"a model of {craft} is being trained")


@router.post("/{craft}/return")
async def give_back(
    control: Control,
    craft: CraftInPath,
    version: Version = "",
    reason: Reason = "",
    by: By = "api",
) -> CraftShape:
    """Have an earlier model serve, at once; where there is none before, none serves."""
    try:
        await control.models.give_back(craft, version, by, reason)
    except GiveUp as error:
        fix = "GET /models lists them"
        raise ApiProblem(409, "no-such-model", str(error), fix=fix) from error
    return _craft(control, craft)


def _craft(control: ControlView, craft: Craft) -> CraftShape:
    state = control.state
    champion, failed = state.champion(craft), state.not_trained.get(craft)
    cards = state.models.get(craft, ())
    return CraftShape(
        craft=craft,
        serving="" if champion is None else champion.version,
        fault=control.models.faults.get(craft, ""),
        drift=control.models.drifted(craft),
        is_training=control.models.under_way is craft,
        due_s=control.models.due_s(craft),
        not_trained="" if failed is None else failed.reason,
        not_trained_at_s=UNKNOWN if failed is None else failed.at_s,
        models=[_shape(card) for card in reversed(cards)],
    )


def _shape(card: ModelCard) -> ModelShape:
    return ModelShape(
        version=card.version,
        craft=card.craft,
        standing=card.standing,
        address=card.address,
        size_bytes=card.size_bytes,
        trained_at_s=card.trained_at_s,
        from_s=card.from_s,
        unseen_from_s=card.unseen_from_s,
        to_s=card.to_s,
        rows=card.rows,
        features=list(card.features),
        scores=dict(card.scores),
        champion_scores=dict(card.champion_scores),
        reason=card.reason,
        by=card.by,
        took_s=card.took_s,
        notes=list(card.notes),
    )
