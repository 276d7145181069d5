"""What may spread from who is sick now, and how much of it is left if something is changed. Pure.

Flows in: graph, health, relations, predictions, what was learned, a seed. Flows out: a `Threat`,
which answers `risk(change)`. All answers come from the same worlds: a change takes links and
failures out of them, or puts them in, so that two answers differ by the change and not by chance.

Only the sick fail here: who is unwell because of them is hurt, and does not fail by itself.
Called by `mitigations`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from everup.dependency_monitor.fault_model import RARELY, failures_of, links_of
from everup.dependency_monitor.graph import Graph
from everup.dependency_monitor.learned import Tallies
from everup.dependency_monitor.worlds import FULL, Wiring, Worlds, spread, wire, worlds_of
from everup.model.assessment import OwnHealth, Predictions, Relations
from everup.model.kinds import ONLY_TOLD, Cause, is_known
from everup.model.propagation import FaultModel, Link
from everup.model.settings import Settings

SEED = 7
THREAT_WORLDS = 1024
Way = tuple[str, str]
"""(dependent, target)"""

NOTHING: frozenset[Way] = frozenset()
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """`cut`: these pass nothing on. `certain`: these do for sure. `passing`: these pass on again,
    though they are cut now. `fails`: they fail for sure. `eased`, `share`: this one fails with that
    share (0–1) of the probability with which it does now."""

    cut: frozenset[Way] = NOTHING
    certain: frozenset[Way] = NOTHING
    passing: frozenset[Way] = NOTHING
    fails: frozenset[str] = NOBODY
    eased: str = ""
    share: float = 1.0


AS_IT_IS = Change()


@dataclass(frozen=True, slots=True)
class Threat:
    """`own`: service → probability that it fails by itself, of the sources. `cut`: links that pass
    nothing on as things stand."""

    sources: tuple[str, ...]
    exposed: tuple[str, ...]
    own: Mapping[str, float]
    links: tuple[Link, ...]
    cut: frozenset[Way]
    _wiring: Wiring
    _worlds: Worlds

    @property
    def error(self) -> float:
        """One standard error of a risk at most; 0: exact."""
        return self._worlds.error

    def hurt(self) -> dict[str, float]:
        """Exposed service → probability that it is hurt as things stand."""
        each = self._each(AS_IT_IS, self._worlds.failed)
        return {name: float(each[self._wiring.number[name]]) for name in self.exposed}

    def risk(self, change: Change = AS_IT_IS) -> float:
        """Mean probability of the exposed to be hurt, 0–1."""
        failed = self._worlds.failed.copy()
        for name in change.fails:
            failed[self._wiring.number[name]] = FULL
        full = self._mean(self._each(change, failed))
        if not change.eased:
            return full
        failed[self._wiring.number[change.eased]] = 0
        without = self._mean(self._each(change, failed))
        return without + change.share * (full - without)

    def _mean(self, each: np.ndarray) -> float:
        places = [self._wiring.number[name] for name in self.exposed]
        return min(1.0, max(0.0, float(each[places].mean())))

    def _each(self, change: Change, failed: np.ndarray) -> np.ndarray:
        live = self._worlds.live.copy()
        cut = (self.cut - change.passing) | change.cut
        for index, link in enumerate(self.links):
            way = (link.dependent, link.target)
            if way in change.certain:
                live[index] = FULL
            if way in cut:
                live[index] = 0
        return self._worlds.probability(spread(self._wiring, live, failed))


def sources_of(
    relations: Relations, predictions: Predictions, settings: Settings
) -> tuple[str, ...]:
    """Roots that are certain, and who is foretold to fail; never who was stopped on purpose."""
    found = {
        name
        for name in relations.roots
        if (finding := relations.findings[name]).is_confirmed
        and not finding.is_presumed_meant
        and finding.cause is not Cause.STOPPED_ON_PURPOSE
        and finding.cause not in ONLY_TOLD
    }
    meant = {n for n, f in relations.findings.items() if f.cause is Cause.STOPPED_ON_PURPOSE}
    victims = set(relations.victims)
    for prediction in predictions.items:
        if prediction.cause is Cause.ABOUT_TO_FAIL:
            continue  # of what, nobody knows: it is told, and nothing is done about it
        if prediction.probability >= settings.prediction_acts_above:
            if prediction.service not in meant | victims:
                found.add(prediction.service)
    return tuple(sorted(found))


def threat(
    graph: Graph,
    own: OwnHealth,
    relations: Relations,
    predictions: Predictions,
    settings: Settings,
    learned: Tallies,
    cut: Collection[Way] = (),
) -> Threat | None:
    """None: nobody is sick, or nobody needs who is."""
    sources = tuple(s for s in sources_of(relations, predictions, settings) if s in graph.edges)
    if not sources:
        return None
    links = links_of(graph, learned)
    reached = _reached(sources, links)
    exposed = tuple(n for n in graph.order if n in reached and n not in sources)
    if not exposed:
        return None
    there = {*sources, *exposed}
    kept = tuple(x for x in links if x.dependent in there and x.target in there)
    failures = failures_of(graph, own, predictions)
    late = {s.service: s.share for s in predictions.strains if s.cause is Cause.SLOW}
    chances = {n: _chance(n, failures[n], own, relations, late) for n in sources}
    model = FaultModel((*sources, *exposed), kept, chances)
    drawn = worlds_of(model, THREAT_WORLDS, SEED)
    ways = frozenset((x.dependent, x.target) for x in kept) & frozenset(cut)
    return Threat(sources, exposed, chances, kept, ways, wire(model), drawn)


def _chance(
    name: str,
    failure: float,
    own: OwnHealth,
    relations: Relations,
    late: Mapping[str, float],
) -> float:
    """Where its trouble is certain, at least the health that is missing: one sick instance of
    several is trouble, though the service as a whole is above its threshold. One that has grown
    slow passes its check, and its score says little: the share of the time it may take that it
    takes is as near as it is to failing (`late`)."""
    found, score = relations.findings.get(name), own.score(name)
    if found is None or not found.is_confirmed:
        return min(1.0, max(RARELY, failure))
    lost = 1.0 - score if is_known(score) else 0.0
    taken = late.get(name, 0.0) if found.cause is Cause.SLOW else 0.0
    return min(1.0, max(RARELY, failure, lost, taken if is_known(taken) else 0.0))


def _reached(sources: Iterable[str], links: Iterable[Link]) -> set[str]:
    dependents: dict[str, list[str]] = {}
    for link in links:
        if link.probability > 0.0:
            dependents.setdefault(link.target, []).append(link.dependent)
    found, queue = set[str](), list(sources)
    while queue:
        for name in dependents.get(queue.pop(), ()):
            if name not in found:
                found.add(name)
                queue.append(name)
    return found
