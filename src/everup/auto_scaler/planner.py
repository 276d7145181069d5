"""How many instances of one service there should be for the next step, and why. Pure but for the
memory that it keeps of one service.

Flows in: after each step the demand that was seen (`follow`); at a decision what is there and what
one instance carries (`plan`). Flows out: a CountPlan, which is data: the number, who said it, the
chance of a shortage that remains, what was capped and by what. Called by `loop` for each service,
by replay, and by the benchmark, with the same words.

    nothing is seen of demand       hold: what is not seen removes nothing
    no capacity is known            the plain rules on all triggers
    the forecast is still cold      the plain rule on demand and capacity, and where a rise leads
                                    (`rise`); fewer only after a window of demand was seen
    else                            the cheapest number for the forecast (`cheapest`)
    while a capacity is uncertain   as many more as the plain rules on all triggers want; fewer is
                                    demand's to say, of what was carried with ease
    always                          at least what the demand now seen needs, and what is planned;
                                    alarms and plans add, only seen demand removes
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from everup.auto_scaler.amounts import PER_SECOND, amount
from everup.auto_scaler.balance import Balance
from everup.auto_scaler.cheapest import cheapest, needed
from everup.auto_scaler.demand import DemandPast, Forecaster, Spread
from everup.auto_scaler.demand.features import moment
from everup.auto_scaler.demand.forecast import far, highest_of, mean_of, near
from everup.auto_scaler.rise import Rise
from everup.auto_scaler.shadow import STILL_STEPS, TARGET, UP_COUNT, UP_RATIO, PlainRule
from everup.model.kinds import UNKNOWN, is_known

WARM_STEPS = 480
"""Two hours of 15 s before a forecast decides."""
AHEAD_STEPS = 60
"""A quarter of an hour of 15 s."""
AHEAD_MEAN = 4
UNIT = 0.04
"""Of an instance's capacity: what is added to demand before logarithms are taken."""
ROUNDING = 1e-9
ANSWERED_IN = 2
"""Steps beyond a start that who is ordered now must do for: what is seen is of the step before, and
the next order waits for the proof of this one."""
TARGET_OF_EASE = 0.8
"""Of what is counted on while the end of an instance was never seen: it is no end to leave much
room to, and of fewer instances each carries a little less, as they share their luck with fewer."""
RISE_LASTS = 4
"""Steps in which a rise that was seen is answered, though chance hides it in one of them."""


class By(StrEnum):
    """Who said the number. A value is part of the API: add, never rename."""

    FORECAST = "forecast"
    DEMAND = "seen_demand"  # its floor has decided
    PLAIN = "plain_rule"  # on demand and capacity
    RULES = "rules"  # on all triggers, as no capacity is known
    ALARM = "alarm"
    PLAN = "plan"
    HELD = "held"


class Cap(StrEnum):
    """What kept a number from being the wished one."""

    LEAST = "least"
    MOST = "most"
    STEP = "step"
    FEW_CHANGES = "few_changes"


@dataclass(frozen=True, slots=True)
class CountView:
    """`instances` are there, `ready` take work. `carries`: what one instance carries for certain,
    in units of demand a second; NaN: unknown. `is_certain`: its end was seen. `target`: the share
    of it that the plain rule uses. `rules`: what the
    plain rules on all triggers want, 0: they say nothing. `alarm`: what a trigger past its bound
    wants at once, 0: none is. `per`: what stands behind an amount of demand."""

    instances: int
    ready: int
    least: int
    most: int
    carries: float = UNKNOWN
    is_certain: bool = True
    target: float = TARGET
    rules: int = 0
    rules_text: str = ""
    alarm: int = 0
    alarm_text: str = ""
    planned: int = 0
    chance_most: float = 1.0
    up_ratio: float = UP_RATIO
    up_count: int = UP_COUNT
    per: str = PER_SECOND


@dataclass(frozen=True, slots=True)
class CountPlan:
    """`chance`: of a shortage until instances that are ordered now take work; NaN: nobody knows.
    `floor`: what the demand seen now needs. `capped`: by what the number was kept from `wished`."""

    wanted: int
    by: By
    text: str
    wished: int
    floor: int = 0
    chance: float = UNKNOWN
    capped: tuple[Cap, ...] = ()


class CountPlanner:
    """Of one service. `starts_in`: steps from an order until the instance takes work.

    `shortage_costs`: minutes of one instance that a minute of shortage is worth. `change_gains`:
    steps of one instance that a change must gain.
    """

    def __init__(
        self,
        starts_in: int,
        *,
        ahead: int = AHEAD_STEPS,
        unit: float = 1.0,
        place: int = 0,
        shortage_costs: float = 100.0,
        change_gains: float = 0.7,
    ) -> None:
        self.past = DemandPast(unit)
        self.past.first_at = place
        self.soon = Forecaster(starts_in + 1, highest_of(starts_in + 1), near)
        self.ahead = Forecaster(ahead + AHEAD_MEAN, mean_of(AHEAD_MEAN), far, AHEAD_MEAN)
        self.rule = PlainRule(starts_in)
        self.balance = Balance(shortage_costs, change_gains)
        self.rise = Rise(RISE_LASTS)
        self._counts: deque[int] = deque(maxlen=2)
        self._needs: deque[int] = deque(maxlen=STILL_STEPS)
        """What demand needed after each step of the window, by what was counted on then."""
        self._was_seen = False  # ever: who has no demand that can be seen is left to the rules

    @property
    def is_warm(self) -> bool:
        """Has enough been seen for a forecast to decide?"""
        return self.past.steps >= WARM_STEPS and self.soon.now is not None

    def starts_in(self, steps: int) -> None:
        """A start takes so many steps, as is known now."""
        if steps + 1 != self.soon.after:
            self.soon.retarget(steps + 1, highest_of(steps + 1))
            self.rule.starts_anew(steps)

    def follow(self, demand: float, view: CountView, *, foretells: bool = True) -> None:
        """A step is over: so much was asked in each second of it (NaN: nobody saw), while `view`
        was there. `foretells`: False where nobody could do anything about what comes."""
        self.past.take(demand)
        self._was_seen = self._was_seen or self.past.is_seen
        self.rise.take(demand, self.soon.after - 1 + ANSWERED_IN)
        if foretells:
            self._foretell()
        if not is_known(view.carries) or not self.past.is_seen:
            self._counts.append(view.instances)
            return
        self._needs.append(needed(max(demand, self._leads_to(view)), view.carries))
        if not view.is_certain:
            self.rule.begin(view.instances)
        self.rule.follow(demand, view.carries, view.least, view.most, view.target)
        has_changed = len(self._counts) > 1 and self._counts[-1] != self._counts[-2]
        self.balance.follow(
            was_short=demand > view.ready * view.carries + ROUNDING,
            plain_was_short=self.rule.was_short,
            has_changed=has_changed,
            plain_has_changed=self.rule.has_changed,
        )
        self._counts.append(view.instances)

    def skip(self, steps: int) -> None:
        """So many steps went by that nobody saw. Nothing that was said of them is ever settled, so
        that only the last ones are foretold from: a day takes hardly longer than a minute."""
        if steps <= 0:
            return
        self.rise.take(UNKNOWN, 0)
        last = min(steps, AHEAD_MEAN)
        self.past.skip(steps - last)
        for _ in range(last):
            self.past.take(UNKNOWN)
            self._foretell()

    def _foretell(self) -> None:
        now = moment(self.past)
        self.soon.follow(self.past, now)
        self.ahead.follow(self.past, now)

    def plan(self, view: CountView) -> CountPlan:
        """For the step that comes."""
        found = self._found(view)
        wished, by, text = found.wished, found.by, found.text
        if not view.is_certain and view.rules > max(wished, view.instances):
            wished, by, text = view.rules, By.RULES, view.rules_text
        if view.alarm > wished:
            wished, by, text = view.alarm, By.ALARM, view.alarm_text
        if view.planned > wished:
            wished, by, text = view.planned, By.PLAN, f"{view.planned} are planned for now"
        wanted, capped = _capped(wished, view)
        chance = found.chance
        if wanted != found.wanted and self.is_warm and is_known(view.carries):
            chance = self._chance(wanted, view.carries)
        return CountPlan(wanted, by, text, wished, found.floor, chance, (*found.capped, *capped))

    def _found(self, view: CountView) -> CountPlan:
        now = view.instances
        if self._was_seen and not self.past.is_seen:
            text = "what is asked of it is not seen now: nothing is removed"
            more = max(now, view.rules)
            return CountPlan(more, By.RULES if more > now else By.HELD, text, more)
        if not is_known(view.carries) or not self._was_seen:
            if view.rules:
                return CountPlan(view.rules, By.RULES, view.rules_text, view.rules)
            return CountPlan(now, By.HELD, "nothing is known of what is asked of it", now)
        floor = needed(self.past.last, view.carries)
        if not self.is_warm or self.soon.now is None:
            return self._plain(view, floor)
        return self._cheapest(self.soon.now, view, floor)

    def _leads_to(self, view: CountView) -> float:
        """Where a rise leads. Once the end of an instance is known, the plain rule leaves as much
        room as a rise needs."""
        return 0.0 if view.is_certain else self.rise.most

    def _plain(self, view: CountView, floor: int) -> CountPlan:
        """Never fewer than demand needed within the window, or was rising to need."""
        leads_to = self._leads_to(view)
        by_rise = needed(leads_to, view.carries)
        wished = max(floor, self.rule.instances, by_rise)
        before = max(self._needs, default=0)
        if wished < view.instances:
            wished = min(view.instances, max(wished, before))
        share = f"at {100 * view.target:.0f} % of" if view.target < 1.0 else "at"
        each = amount(view.carries, view.per)
        text = f"{amount(self.past.last, view.per)} now, {share} {each} that one carries"
        if by_rise > max(floor, self.rule.instances):
            text += f", and rising to {amount(leads_to, view.per)} until one could start"
        return CountPlan(wished, By.PLAIN, text, wished, floor)

    def _cheapest(self, spread: Spread, view: CountView, floor: int) -> CountPlan:
        found = cheapest(
            spread,
            view.carries,
            view.instances,
            shortage_price=self.balance.shortage_price,
            change_price=self.balance.change_price,
            chance_most=view.chance_most,
            least=floor,
        )
        is_floor = found.instances == floor and not found.is_kept
        by = By.DEMAND if is_floor else By.FORECAST
        most = spread.quantiles((0.95,))[0]
        now_is, each = amount(self.past.last, view.per), amount(view.carries, view.per)
        text = (
            f"{now_is} now, by 95 % at most {amount(most, view.per)} until an instance could start,"
            f" and one carries {each}"
        )
        capped = (Cap.FEW_CHANGES,) if found.is_kept else ()
        count = found.instances
        return CountPlan(count, by, text, count, floor, found.chance, capped)

    def _chance(self, instances: int, carries: float) -> float:
        if self.soon.now is None:
            return math.nan
        return self.soon.now.chance_above(instances * carries)


def _capped(wished: int, view: CountView) -> tuple[int, tuple[Cap, ...]]:
    """Within what its owner said, and not more at once than the usual autoscaler."""
    wanted, capped = wished, list[Cap]()
    step = max(int(view.up_ratio * view.instances), view.instances + view.up_count)
    if wanted > step:
        wanted = step
        capped.append(Cap.STEP)
    if wanted > view.most:
        wanted = max(view.most, min(view.instances, wished))
        capped.append(Cap.MOST)
    if wanted < view.least:
        wanted = view.least
        capped.append(Cap.LEAST)
    return wanted, tuple(capped)
