"""What most likely lies behind all that is unwell at present, seen or not. Pure.

Flows in: how the services look (`sights`), changes. Flows out: `Suspect`s, likeliest
first. Called by `relate`; what is done about a finding is decided elsewhere, and nothing is ever
done about a suspect that has none.

Each unwell service is weighed by itself: is it the fault, or do its needs explain it? Explained it
is with the chance that one of its ill needs passed its illness on (noisy or); the odds that it is
the fault are those of a service failing by itself, times how much more a fault looks like this than
a victim does, against that chance. So a long chain of victims weighs no more than its first link.
A service that cannot be seen is as likely ill as those that need it suggest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everup.dependency_monitor.sights import Scenery, Sight
from everup.model.assessment import Suspect
from everup.model.kinds import UNKNOWN, is_known
from everup.model.propagation import Link

SUSPECTS_MOST = 8
BY_ITSELF = 0.05
"""Chance that one unwell service is so by itself: a fault has a score of victims at most."""
UNDECLARED = 0.01
"""Chance that a need which nobody declared explains it."""
PROVEN, SICK = 7.0, 1.0 / 3.0
"""How much more often faults than victims look dead or stuck; or merely fail their check."""
EARLIER = 0.3
"""A need that fell ill clearly after the service explains it that much less: clocks differ."""
NOT_SEEN_SINCE = 0.5
"""How likely a need is ill by now that was well when it was last seen, before the service fell."""
UNSEEN = 0.05
SPARED_LATER = 0.5  # one that looks well may be hurt later only
CHANGED = 2.0
"""A change shortly before doubles the odds."""
LEAST = 0.02  # less belief than this is not worth a line


def suspects(
    scenery: Scenery, changed: Mapping[str, float], resolution_s: float, change_reach_s: float
) -> tuple[Suspect, ...]:
    """At most `SUSPECTS_MOST`, by belief, then by how many they explain.

    `changed`: service → when somebody did. Onsets within `resolution_s` are simultaneous.
    """
    sights = scenery.sights
    scene = _Scene(sights, scenery.links, resolution_s)
    for name, sight in sights.items():
        if sight.is_unseen:
            scene.guess(name)
    first_s = min((s.since_s for s in sights.values() if is_known(s.since_s)), default=UNKNOWN)
    found: list[tuple[float, str, float]] = []
    for name, sight in sights.items():
        if not sight.is_unseen and not sight.illness > 0.0:
            continue
        onset_s = sight.since_s if is_known(sight.since_s) else first_s
        before_s = onset_s - changed.get(name, UNKNOWN)
        is_recent = is_known(before_s) and -resolution_s <= before_s <= change_reach_s
        belief = scene.belief(name, CHANGED if is_recent else 1.0)
        if belief >= LEAST:
            found.append((belief, name, before_s if is_recent else UNKNOWN))
    ranked = []
    for belief, name, before_s in sorted(found, key=lambda f: (-f[0], f[1]))[: 2 * SUSPECTS_MOST]:
        victims = scene.victims(name)
        text = _reason(sights[name], victims, before_s)
        since_s, is_seen = sights[name].since_s, not sights[name].is_unseen
        ranked.append(Suspect(name, belief, text, victims, since_s, is_seen))
    ranked.sort(key=lambda s: (-round(s.probability, 3), -len(s.victims), s.since_s, s.service))
    return tuple(ranked[:SUSPECTS_MOST])


class _Scene:
    """The picture while it is being judged: how ill each service is taken to be."""

    def __init__(
        self, sights: Mapping[str, Sight], links: Sequence[Link], resolution_s: float
    ) -> None:
        self.sights = sights
        self.resolution_s = resolution_s
        self.ill = {n: 0.0 if s.is_unseen else s.illness for n, s in sights.items()}
        self.needs: dict[str, list[Link]] = {}
        self.dependents: dict[str, list[Link]] = {}
        for link in links:
            if link.target in sights and link.dependent in sights:
                self.needs.setdefault(link.dependent, []).append(link)
                self.dependents.setdefault(link.target, []).append(link)

    def explained(self, name: str, but: str = "") -> float:
        """The chance that what it needs made it ill; `but` this need."""
        spared = 1.0
        for link in self.needs.get(name, ()):
            if link.target != but:
                spared *= 1.0 - link.probability * self._passes(link)
        return 1.0 - spared

    def _passes(self, link: Link) -> float:
        mine, theirs = self.sights[link.dependent], self.sights[link.target]
        ill = self.ill[link.target]
        if ill <= 0.0:
            is_stale = theirs.seen_at_s < mine.since_s
            return NOT_SEEN_SINCE if is_stale else 0.0
        is_later = theirs.since_s - mine.since_s > self.resolution_s
        return ill * (EARLIER if is_later else 1.0)

    def guess(self, name: str) -> None:
        """How likely one that cannot be seen is ill: by its needs, and by those that need it."""
        if_ill, if_well = max(UNSEEN, self.explained(name)), 1.0
        if_well -= if_ill
        for link in self.dependents.get(name, ()):
            theirs = self.sights[link.dependent]
            if theirs.is_unseen:
                continue
            if theirs.illness > 0.0:
                otherwise = max(self.explained(link.dependent, but=name), BY_ITSELF)
                if_ill *= 1.0 - (1.0 - link.probability) * (1.0 - otherwise)
                if_well *= otherwise
            else:
                if_ill *= 1.0 - SPARED_LATER * link.probability
        self.ill[name] = if_ill / (if_ill + if_well)

    def belief(self, name: str, factor: float) -> float:
        """That it is a fault itself, 0–1."""
        sight = self.sights[name]
        explained = max(UNDECLARED, self.explained(name))
        if sight.is_unseen:
            return self.ill[name] * (1.0 - explained)
        odds = BY_ITSELF * factor * (PROVEN if sight.is_proven else SICK)
        return sight.illness * odds / (odds + explained * (1.0 - BY_ITSELF))

    def victims(self, name: str) -> tuple[str, ...]:
        """The ill that are reached from it through others that are ill or cannot be seen."""
        passed, queue = {name}, [name]
        while queue:
            for link in self.dependents.get(queue.pop(), ()):
                if link.dependent not in passed and self.ill[link.dependent] > 0.0:
                    passed.add(link.dependent)
                    queue.append(link.dependent)
        return tuple(sorted(n for n in passed - {name} if not self.sights[n].is_unseen))


def _reason(sight: Sight, victims: Sequence[str], changed_before_s: float) -> str:
    if sight.is_unseen:
        text = "it cannot be seen"
    elif sight.is_proven:
        text = "its process is dead or cannot go on, and nothing that it needs explains it"
    else:
        text = "it fails, and what it needs explains it too little"
    if victims:
        text += f"; its failure would explain {len(victims)} more"
    if is_known(changed_before_s):
        text += f"; somebody changed it {max(0.0, changed_before_s):.0f} s before"
    return text
