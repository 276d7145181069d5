"""All that is thought of one service's size, as whoever shows it has it. Values alone.

Made by `loop.scaler_story`, put into sentences by `told`.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.auto_scaler.advice import SizeAdvice
from everup.auto_scaler.capacity import Capacity
from everup.auto_scaler.cost import Recommendation
from everup.auto_scaler.demand.forecast import TOLD_AT, Forecaster
from everup.auto_scaler.spend import Cost
from everup.model.kinds import UNKNOWN
from everup.model.scaling import ScalingChoice

QUANTILES = TOLD_AT


@dataclass(frozen=True, slots=True)
class Foretold:
    """What is foretold of demand, and how such forecasts did lately. `values`: at QUANTILES, in the
    unit of demand; empty: nothing is foretold yet. `coverage`: share of what came that lay between
    the first and the last of them. `loss`: mean pinball loss, `loss_as_now`: that of saying that
    demand stays as it is; NaN while nothing is settled."""

    in_s: float
    values: tuple[float, ...] = ()
    coverage: float = UNKNOWN
    settled: int = 0
    loss: float = UNKNOWN
    loss_as_now: float = UNKNOWN

    @property
    def median(self) -> float:
        """NaN: nothing is foretold."""
        return self.values[len(self.values) // 2] if self.values else UNKNOWN

    @property
    def most(self) -> float:
        """By 95 %; NaN: nothing is foretold."""
        return self.values[-1] if self.values else UNKNOWN


def foretold(forecaster: Forecaster, in_s: float) -> Foretold:
    """As of its latest step."""
    now, account = forecaster.now, forecaster.account
    return Foretold(
        in_s,
        () if now is None else now.quantiles(QUANTILES),
        1.0 - forecaster.missed if account.settled else UNKNOWN,
        account.settled,
        account.loss,
        account.loss_as_now,
    )


@dataclass(frozen=True, slots=True)
class Story:
    """One service. `is_learned`: its forecast decides; until then the plain rules do.
    `per`: what stands behind an amount of its demand. `ahead`: the minute after `in_s`; `soon`: the
    highest until an instance that is ordered now takes work. `fixed`: why Everup does not change
    its number, "" where it may. `waits`: why what should be is not done now. `unread`: why its
    queue cannot be read. `stays_awake`: why it does not sleep, though its owner lets it."""

    name: str
    instances: int
    rule: str
    fixed: str
    cost: Cost
    recommendations: tuple[Recommendation, ...] = ()
    is_learned: bool = False
    unit: str = ""
    per: str = ""
    demand: float = UNKNOWN
    capacity: Capacity | None = None
    ahead: Foretold | None = None
    soon: Foretold | None = None
    choice: ScalingChoice | None = None
    advice: SizeAdvice | None = None
    waits: str = ""
    unread: str = ""
    stays_awake: str = ""
