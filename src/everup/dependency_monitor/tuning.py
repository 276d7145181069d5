"""The few numbers that `root_cause` stands on, each with its reason. Not settings of the product:
they are the same for every stack, and moving any of them by half changes little (docs/root-cause.md
has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """`stands_out`: an excess of so many sigmas of its noise is believed by half (three, as control
    charts have it). `few_calls`: an excess of so many calls, or against so few normal intervals, is
    believed by half. `normal_calls`: the normal level weighs as much as so many calls made right
    before the window. `views_ratio_most`, `views_in_step`: two views of the same calls count about
    as many of them, in nearly every interval. `always_called`: called in this share of the normal
    intervals, so that silence is news. `silence_believed`: a silent callee died, or its caller
    fails before it calls: even odds. `changed_weighs`: a change shortly before doubles the odds.
    `later_weighs`: one that fell ill after its caller has half of them, since clocks differ."""

    stands_out: float = 3.0
    few_calls: float = 5.0
    normal_calls: float = 20.0
    views_ratio_most: float = 1.25
    views_in_step: float = 0.9
    always_called: float = 0.95
    silence_believed: float = 0.5
    changed_weighs: float = 2.0
    later_weighs: float = 0.5


SHIPPED = Tuning()
NORMAL_INTERVALS_LEAST = 3
"""With fewer measured intervals a node has no normal, and no excess is known."""
