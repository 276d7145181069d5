"""What a shortage and a change are worth, so that neither becomes more frequent than under the
plain rule. Pure.

Flows in: after each step whether we, and the plain rule beside us, were short or changed anything.
Flows out: the price of a minute of shortage in minutes of one instance; what a change must gain.
Both begin at what is set and follow how it went: whoever was short more often than the plain rule
buys more reserve, whoever was hardly ever short buys less.
"""

from __future__ import annotations

SHORT_STEPS = 4 * 5760.0
CHANGE_STEPS = 5760.0
"""Four days and one day, of steps of 15 s, of memory."""
SHORT_LEAST = 0.0015
"""Two minutes of a day: below it nobody's shortages say much."""
CHANGE_LEAST = 0.002
CHANGES_BEAR = 1.5
"""So many times as many changes as the plain rule are no reason to hold still."""
FACTOR_MOST = 4.0


class Balance:
    """Of one service. `shortage_costs`: minutes of an instance that a minute of shortage is worth.
    `change_gains`: instance-steps that a change must gain."""

    def __init__(self, shortage_costs: float, change_gains: float) -> None:
        self._shortage_costs, self._change_gains = shortage_costs, change_gains
        self.short = self.plain_short = 0.0
        self._changed = self._plain_changed = 0.0

    def follow(
        self, *, was_short: bool, plain_was_short: bool, has_changed: bool, plain_has_changed: bool
    ) -> None:
        """After a step; shares of steps, discounted."""
        self.short += (was_short - self.short) / SHORT_STEPS
        self.plain_short += (plain_was_short - self.plain_short) / SHORT_STEPS
        self._changed += (has_changed - self._changed) / CHANGE_STEPS
        self._plain_changed += (plain_has_changed - self._plain_changed) / CHANGE_STEPS

    @property
    def shortage_price(self) -> float:
        """Of a step of shortage, in steps of one instance."""
        ratio = (self.short + SHORT_LEAST) / (self.plain_short + SHORT_LEAST)
        return self._shortage_costs * min(FACTOR_MOST, max(1.0 / FACTOR_MOST, ratio))

    @property
    def change_price(self) -> float:
        """What fewer or more instances must gain, in steps of one instance."""
        allowed = CHANGES_BEAR * (self._plain_changed + CHANGE_LEAST)
        ratio = (self._changed + CHANGE_LEAST) / allowed
        return self._change_gains * min(FACTOR_MOST, max(1.0, ratio))
