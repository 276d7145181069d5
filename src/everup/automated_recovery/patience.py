"""How long to wait for trouble to end by itself before the first action. Pure.

Flows in: how long this cause took on this service whenever nobody acted. Flows out: seconds from
its onset. Called by `propose`.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.model.episode import quantile
from everup.model.kinds import Cause
from everup.model.settings import Settings

USUAL = 0.9  # the share of natural ends that is waited for
DEAD = frozenset({Cause.CRASH, Cause.CRASH_LOOP})


def patience_s(ends: Sequence[float], cause: Cause, settings: Settings) -> float:
    """0: act at once. Else the 90th percentile of at least `natural_ends_least` natural ends, but
    never more than `natural_wait_most_s`.

    What is dead comes back only when something starts it again. That a supervisor does so shows in
    natural ends that are short; where they are longer than the bound, a person did it, and waiting
    for that person is no answer.
    """
    if len(ends) < settings.natural_ends_least:
        return 0.0
    usual_s = quantile(ends, USUAL)
    if cause in DEAD and usual_s > settings.natural_wait_most_s:
        return 0.0
    return min(usual_s, settings.natural_wait_most_s)
