"""Weights as they turned out: how far A's health really followed B's. Pure.

Flows in: episodes of illness, what was learned before. Flows out: what is known now, as a value.

For each link a Beta posterior: the declared weight is the prior, worth `PRIOR_EPISODES` episodes;
each episode of the target in which the dependent was well before adds one to *hurt* or to *spared*.
One that several ill needs may explain counts for each of them in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from everup.model.kinds import is_known
from everup.model.propagation import Link, Tally

PRIOR_EPISODES = 4.0
"""A declared weight counts like so many episodes: it is a guess, and a few facts beat it."""
SHORTEST_S = 10.0
"""A shorter illness may be over before anybody asks: that nobody suffered then tells nothing."""
EARLIER_MOST_S = 15.0
"""So much before the target the dependent may have been seen ill: probes take turns."""
LATER_MOST_S = 120.0
TALLY_MOST = 1000.0
"""Beyond so many episodes all counts are halved, so that what is old fades."""

Tallies = Mapping[tuple[str, str], Tally]


@dataclass(frozen=True, slots=True)
class Illness:
    """One service was unwell from `from_s` to `to_s` (NaN: still is), on one clock."""

    service: str
    from_s: float
    to_s: float


def learn(
    known: Tallies,
    links: Sequence[Link],
    illnesses: Sequence[Illness],
    counted: Sequence[Illness] | None = None,
) -> Tallies:
    """The tallies with these illnesses added; each pair of (dependent, target) on its own.

    Give each illness once, and only when `LATER_MOST_S` have passed since it began; or give what is
    known of all, and those that are due as `counted`.
    """
    by_service: dict[str, list[Illness]] = {}
    for illness in illnesses:
        by_service.setdefault(illness.service, []).append(illness)
    due = {(i.service, i.from_s) for i in (illnesses if counted is None else counted)}
    needs: dict[str, list[str]] = {}
    for link in links:
        needs.setdefault(link.dependent, []).append(link.target)
    found = dict(known)
    for link in links:
        key = (link.dependent, link.target)
        tally = found.get(key, Tally())
        for theirs in by_service.get(link.target, ()):
            if (theirs.service, theirs.from_s) not in due:
                continue
            tally = _with(tally, theirs, by_service, needs[link.dependent], link)
        if tally != Tally():
            found[key] = _bounded(tally)
    return found


def _with(
    tally: Tally,
    theirs: Illness,
    by_service: Mapping[str, Sequence[Illness]],
    needs: Sequence[str],
    link: Link,
) -> Tally:
    mine = by_service.get(link.dependent, ())
    if any(_covers(m, theirs.from_s - EARLIER_MOST_S) for m in mine):
        return tally  # it was ill already
    end_s = theirs.to_s if is_known(theirs.to_s) else float("inf")
    latest_s = min(end_s, theirs.from_s + LATER_MOST_S) + EARLIER_MOST_S
    after = [m.from_s for m in mine if theirs.from_s - EARLIER_MOST_S < m.from_s <= latest_s]
    if not after:
        if end_s - theirs.from_s < SHORTEST_S:
            return tally
        return Tally(tally.hurt, tally.spared + 1.0, tally.delay_sum_s)
    began_s = min(after)
    suspects = [n for n in needs if _fell_before(by_service.get(n, ()), began_s)]
    part = 1.0 / max(1, len(suspects))
    delay_s = max(0.0, began_s - theirs.from_s)
    return Tally(tally.hurt + part, tally.spared, tally.delay_sum_s + part * delay_s)


def _covers(illness: Illness, at_s: float) -> bool:
    return illness.from_s <= at_s and not illness.to_s < at_s


def _fell_before(illnesses: Sequence[Illness], at_s: float) -> bool:
    """Did it fall ill close enough before to be the reason, and was it still ill?"""
    return any(
        at_s - LATER_MOST_S - EARLIER_MOST_S <= i.from_s <= at_s + EARLIER_MOST_S
        and not i.to_s < at_s - EARLIER_MOST_S
        for i in illnesses
    )


def _bounded(tally: Tally) -> Tally:
    if tally.hurt + tally.spared <= TALLY_MOST:
        return tally
    return Tally(tally.hurt / 2.0, tally.spared / 2.0, tally.delay_sum_s / 2.0)


def learned_link(link: Link, tally: Tally | None) -> Link:
    """The link with the posterior's mean in place of what was declared, and the mean delay seen."""
    if tally is None:
        return link
    seen = tally.hurt + tally.spared
    mean = (link.probability * PRIOR_EPISODES + tally.hurt) / (PRIOR_EPISODES + seen)
    delay_s = (link.delay_s * PRIOR_EPISODES + tally.delay_sum_s) / (PRIOR_EPISODES + tally.hurt)
    return Link(link.dependent, link.target, min(1.0, max(0.0, mean)), delay_s)
