"""How much each instance gets: its share, from how well it answers. Pure.

Flows in: what was seen of the instances, and the shares that they have. Flows out: the shares of
the next moment. Called by `traffic`.

    1 ── 0.5 ── 0.25 ── 0.1        one step at a time, down at once and up with a margin

Nobody gets nothing: who gets nothing can never prove itself. Where more than half of those that are
known are unwell, all get all: the fault is then not one instance's, and the few that are left would
drown. Who is not known keeps what it has.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import InstanceObservation

LEVELS = (0.1, 0.25, 0.5, 1.0)
BOUNDS = (0.5, 0.7, 0.9)
"""Scores from which the next level is deserved."""

MARGIN = 0.05
"""By how much more than its bound a score must be, to come up again."""

WEIGHT_LEAST = 1 / LEVELS[0]
"""A smaller weight cannot be divided: weights are whole numbers."""

UNWELL_BELOW = 0.5
PANIC_ABOVE = 0.5


def score_of(seen: InstanceObservation) -> float:
    """0–1; NaN: nobody knows. Half at most while its latest answer was a failure."""
    probe = seen.probe
    if seen.instance.state is not InstanceState.RUNNING:
        return 0.0
    if probe is None or probe.verdict is ProbeVerdict.UNKNOWN:
        return UNKNOWN
    answered = 1.0 - probe.error_ratio if is_known(probe.error_ratio) else 1.0
    return answered if probe.verdict is ProbeVerdict.PASS else min(answered, UNWELL_BELOW)


def shares(scores: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """The next share of each instance; who is not in `now` has all."""
    known = [score for score in scores.values() if is_known(score)]
    unwell = sum(score <= UNWELL_BELOW for score in known)
    is_panic = bool(known) and unwell > PANIC_ABOVE * len(known)
    return {
        name: LEVELS[-1] if is_panic else next_share(score, now.get(name, LEVELS[-1]))
        for name, score in scores.items()
    }


def next_share(score: float, share: float) -> float:
    """One level at most from where it is."""
    level = level_of(share)
    if not is_known(score):
        return LEVELS[level]
    if level > 0 and score < BOUNDS[level - 1]:
        return LEVELS[level - 1]
    if level < len(BOUNDS) and score >= min(1.0, BOUNDS[level] + MARGIN):
        return LEVELS[level + 1]
    return LEVELS[level]


def level_of(share: float) -> int:
    """The nearest one that is not above it."""
    return max((n for n, level in enumerate(LEVELS) if level <= share + 1e-9), default=0)


def slow_start(since_s: float, lasts_s: float) -> float:
    """The most that one may have that began so long ago."""
    if lasts_s <= 0 or since_s >= lasts_s:
        return LEVELS[-1]
    return LEVELS[min(len(LEVELS) - 1, int(since_s / lasts_s * (len(LEVELS) - 1)))]
