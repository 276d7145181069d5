"""The exam of a model of services, on time that it has not seen. Pure.

Flows in: a model, feature rows of all services, and which of them teach, are calm, or came shortly
before a failure. Flows out: `separation` and `calm` as `champion` weighs them. Challenger and
champion sit the same exam. As when it serves, a model is held against what it says of a service's
own past: the earlier rows teach what is usual, then each later row is judged before it teaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.model.kinds import UNKNOWN
from everup.predictive_monitor.anomaly.model import ServiceModel
from everup.predictive_monitor.anomaly.services import FOREST_OCTAVES
from everup.predictive_monitor.anomaly.tails import Tails
from everup.predictive_monitor.champion import CALM, SEPARATION

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

PROMISED_RARITIES = (1.0, 2.0)
"""A row this rare is said to come once in ten rows, and once in a hundred."""
WRONG_BY_MOST = 2.0
"""Decades between what is promised and what came, from which on nothing is left of the score."""
CALM_ROWS_LEAST = 200
"""Of fewer, nothing can be said about one in a hundred."""
FAILURES_LEAST = 5
"""Rows before one failure go together; of fewer failures chance has most of the say."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Rows of some services, oldest first: `features [row, service, feature]`; `[row, service]`
    are: `teaches`, what training may learn from; `is_late`, what it may not see; `is_known`;
    `is_calm` and `is_before` among the late ones. `failures`: how many these came before."""

    features: Floats
    is_known: Bools
    teaches: Bools
    is_calm: Bools
    is_before: Bools
    is_late: Bools
    failures: int


def scores_of(model: ServiceModel, sheets: Sequence[Sheet]) -> dict[str, float]:
    """What it scores, over all services together."""
    calm, before = [], []
    for sheet in sheets:
        rarity = _rarity(model, sheet)
        calm.append(rarity[sheet.is_calm])
        before.append(rarity[sheet.is_before])
    failures = sum(sheet.failures for sheet in sheets)
    return {
        SEPARATION: separation(np.concatenate(before), np.concatenate(calm), failures),
        CALM: calmness(np.concatenate(calm)),
    }


def separation(before: Floats, calm: Floats, failures: int) -> float:
    """How often a row before a failure is rarer than a calm one, ties counting half."""
    if failures < FAILURES_LEAST or not len(before) or not len(calm):
        return UNKNOWN
    ordered = np.sort(calm)
    below = np.searchsorted(ordered, before, side="left")
    up_to = np.searchsorted(ordered, before, side="right")
    return float((below + up_to).mean() / (2.0 * len(calm)))


def calmness(calm: Floats) -> float:
    """1 where as many calm rows are rare as are promised; less with more, and with fewer: who never
    finds anything rare keeps no promise either."""
    if len(calm) < CALM_ROWS_LEAST:
        return UNKNOWN
    found = []
    for rarity in PROMISED_RARITIES:
        share = ((calm >= rarity).sum() + 0.5) / (len(calm) + 0.5 * 10.0**rarity)
        found.append(max(0.0, 1.0 - abs(np.log10(share) + rarity) / WRONG_BY_MOST))
    return float(np.mean(found))


def _rarity(model: ServiceModel, sheet: Sheet) -> Floats:
    """`[row, service]` of the late rows; 0 elsewhere."""
    signs: Floats = np.full(sheet.is_known.shape, np.nan, dtype=np.float32)
    wanted = sheet.teaches | (sheet.is_known & sheet.is_late)
    if wanted.any():
        scores = model.forest.scores(sheet.features[wanted].astype(np.float64))
        signs[wanted] = np.exp2(FOREST_OCTAVES * (scores - 0.5))
    tails = Tails.new(sheet.is_known.shape[1], 1)
    found = np.zeros(sheet.is_known.shape, dtype=np.float32)
    for row in range(len(signs)):
        newest = signs[row, :, None]
        if sheet.is_late[row].any():
            found[row] = tails.rarity(newest)[:, 0]
        tails.learn(newest)
    return found
