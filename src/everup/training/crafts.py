"""Which craft is learned by whom: a function each, from an order and a past to a challenger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everup.model.learned import Craft, Trained, TrainingOrder
from everup.training import failure, services
from everup.training.folder import Pasts
from everup.training.work import Cores

Learn = Callable[[TrainingOrder, Pasts, Cores], Trained]
"""Raises NothingToLearn."""

CRAFTS: Mapping[Craft, Learn] = {
    Craft.ANOMALY: services.train,
    Craft.FAILURE: failure.train,
}


def learn(order: TrainingOrder, pasts: Pasts, cores: Cores) -> Trained:
    """What the order's craft makes of it.

    Raises:
        NothingToLearn: of this past.
    """
    return CRAFTS[order.craft](order, pasts, cores)
