"""The fold of models: which there are, which one serves. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model import entries as e
from everup.model.learned import ModelCard, NotTrained, Standing
from everup.model.state import StackState

MODELS_MOST = 12
"""Of each craft; the oldest that does not serve is forgotten first."""


def trained(state: StackState, entry: e.ModelTrained) -> StackState:
    """One more, which serves from now on if it was better. The same bytes once more are the same
    model, which stands as it stood: it is no better than itself, and no worse."""
    cards = state.models.get(entry.craft, ())
    same = next((one.standing for one in cards if one.version == entry.version), Standing.BEATEN)
    card = ModelCard(
        version=entry.version,
        craft=entry.craft,
        address=entry.address,
        size_bytes=entry.size_bytes,
        trained_at_s=entry.at_s,
        from_s=entry.from_s,
        unseen_from_s=entry.unseen_from_s,
        to_s=entry.to_s,
        rows=entry.rows,
        features=entry.features,
        scores=entry.scores,
        champion_scores=entry.champion_scores,
        standing=Standing.CHAMPION if entry.is_champion else same,
        reason=entry.reason,
        by=entry.by,
        took_s=entry.took_s,
        notes=entry.notes,
    )
    others = [one for one in cards if one.version != entry.version]
    if entry.is_champion:
        others = [_former(one) for one in others]
    kept = _bounded((*others, card))
    left = {craft: one for craft, one in state.not_trained.items() if craft != entry.craft}
    return replace(state, models={**state.models, entry.craft: kept}, not_trained=left)


def not_trained(state: StackState, entry: e.ModelNotTrained) -> StackState:
    """The latest failed attempt of a craft is remembered until one succeeds."""
    found = NotTrained(entry.at_s, entry.craft, entry.reason, entry.by)
    return replace(state, not_trained={**state.not_trained, entry.craft: found})


def returned(state: StackState, entry: e.ModelReturned) -> StackState:
    """An earlier one serves; of an unknown one nothing changes."""
    cards = state.models.get(entry.craft, ())
    if entry.version and all(one.version != entry.version for one in cards):
        return state
    turned = tuple(
        replace(one, standing=Standing.CHAMPION) if one.version == entry.version else _former(one)
        for one in cards
    )
    return replace(state, models={**state.models, entry.craft: turned})


def _former(card: ModelCard) -> ModelCard:
    return replace(card, standing=Standing.FORMER) if card.standing is Standing.CHAMPION else card


def _bounded(cards: tuple[ModelCard, ...]) -> tuple[ModelCard, ...]:
    """Who never served goes first, then the oldest; who serves stays."""
    kept = list(cards)
    while len(kept) > MODELS_MOST:
        idle = [one for one in kept[:-1] if one.standing is Standing.BEATEN]
        former = [one for one in kept[:-1] if one.standing is Standing.FORMER]
        kept.remove((idle or former)[0])
    return tuple(kept)
