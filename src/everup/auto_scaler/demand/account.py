"""How what was foretold of demand did, beside saying that it stays as it is. Pure.

Flows in: quantiles that were told, the demand at that moment, what came. Flows out: mean pinball
losses in units of demand (Koenker and Bassett, *Regression Quantiles*, 1978). Called by `forecast`
where it holds its band against what came; read by whoever shows it. Like predictions, what was told
is settled once and never told anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.model.kinds import UNKNOWN


def pinball(told: float, came: float, share: float) -> float:
    """Loss of a quantile: `share` of each unit below what came, the rest of each unit above."""
    over = came - told
    return share * over if over > 0.0 else (share - 1.0) * over


class Account:
    """`shares`: of the quantiles. `memory`: how many settled ones count; before there are so many,
    all count alike."""

    def __init__(self, shares: Sequence[float], memory: float) -> None:
        self._shares, self._memory = tuple(shares), memory
        self.settled = 0
        self._loss = self._loss_as_now = 0.0

    def settle(self, told: Sequence[float], as_now: float, came: float) -> None:
        """`as_now`: what was asked when it was told, which is what the simplest forecast says."""
        self.settled += 1
        part = 1.0 / min(self._memory, self.settled)
        self._loss += (self._mean(told, came) - self._loss) * part
        plain = [as_now] * len(self._shares)
        self._loss_as_now += (self._mean(plain, came) - self._loss_as_now) * part

    @property
    def loss(self) -> float:
        """Mean over shares and time; NaN while nothing is settled."""
        return self._loss if self.settled else UNKNOWN

    @property
    def loss_as_now(self) -> float:
        """The same of saying that demand stays as it is."""
        return self._loss_as_now if self.settled else UNKNOWN

    def _mean(self, told: Sequence[float], came: float) -> float:
        losses = [pinball(one, came, share) for one, share in zip(told, self._shares, strict=True)]
        return sum(losses) / len(losses)
