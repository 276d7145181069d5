"""Which craft is learned by whom: a function each, from an order and a past to a challenger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everup.model.learned import Craft, Trained, TrainingOrder
from everup.training import services
from everup.training.folder import Pasts
from everup.training.work import Cores, NothingToLearn

Learn = Callable[[TrainingOrder, Pasts, Cores], Trained]
"""Raises NothingToLearn."""

CRAFTS: Mapping[Craft, Learn] = {
    Craft.ANOMALY: services.train,
}


def learn(order: TrainingOrder, pasts: Pasts, cores: Cores) -> Trained:
    """What the order's craft makes of it.

    Raises:
        NothingToLearn: of this past, or by nobody.
    """
    train = CRAFTS.get(order.craft)
    if train is None:
        raise NothingToLearn(f"nobody here can train a model of {order.craft}")
    return train(order, pasts, cores)
