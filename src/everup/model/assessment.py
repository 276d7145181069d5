"""What an observation means: health, relations, causes, predictions.

`predictive_monitor` fills OwnHealth and Predictions, `dependency_monitor` fills Relations; `loop`
puts them together. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN, Cause, Condition


@dataclass(frozen=True, slots=True)
class Contribution:
    """One signal's share of the lost health. `loss` of all contributions sums to 1 − score."""

    signal: str
    value: float
    loss: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """Health score 0–1 (NaN: nothing is known) with the contributions that make it up."""

    service: str
    score: float
    condition: Condition
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnHealth:
    """Each service by itself, without regard to its dependencies."""

    services: Mapping[str, ServiceHealth]

    def score(self, service: str) -> float:
        """NaN when the service is not known."""
        health = self.services.get(service)
        return UNKNOWN if health is None else health.score


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible cause with its share of our belief; those of one finding sum to at most 1.

    `service` is where it lies ("" for the machine). `since_s`: its onset, NaN where there is none.
    """

    service: str
    cause: Cause
    confidence: float
    reason: str
    since_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Finding:
    """One service is unwell, and why. `is_confirmed` False: seen, but not yet for long enough.

    `explained_by` names the unwell dependencies that account for it; empty for a root.
    `is_presumed_meant`: it looks like somebody's wish, so a person is asked instead of told.
    `is_proven` (hang): the process cannot progress by the kernel's own word, or both proofs hold.
    `symptom` (bad deploy): what it shows, where a change explains it.
    """

    service: str
    cause: Cause
    reason: str
    since_s: float
    score: float
    confidence: float = 1.0
    is_confirmed: bool = True
    is_proven: bool = False
    is_presumed_meant: bool = False
    process_state: str | None = None
    explained_by: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()  # names of the instances concerned; empty: all
    candidates: tuple[Candidate, ...] = ()  # of a root: what may lie behind it, likeliest first
    bound_s: float = UNKNOWN  # recovering: how long it may take before a person is told
    symptom: Cause | None = None

    @property
    def shows(self) -> Cause:
        """What is seen of it, whatever lies behind."""
        return self.symptom or self.cause

    @property
    def is_dead(self) -> bool:
        """Is there no process that an action would end?"""
        return self.shows in (Cause.CRASH, Cause.CRASH_LOOP)

    @property
    def is_root(self) -> bool:
        """Nothing unwell that it depends on explains it."""
        return not self.explained_by


@dataclass(frozen=True, slots=True)
class Suspect:
    """What may lie behind all that is unwell at present. `probability`: our belief (0–1) that it is
    the fault behind `victims`. `is_seen` False: nothing of it was seen, only what it would explain.
    """

    service: str
    probability: float
    reason: str
    victims: tuple[str, ...] = ()
    since_s: float = UNKNOWN
    is_seen: bool = True


@dataclass(frozen=True, slots=True)
class Relations:
    """Who hurts whom. `victims`: unwell service → the roots that explain it. `suspects`: of the
    whole stack, one for each independent fault first, likeliest first."""

    propagated: Mapping[str, float]
    findings: Mapping[str, Finding]
    roots: tuple[str, ...] = ()
    victims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    suspects: tuple[Suspect, ...] = ()
    _hurt_by: Mapping[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[str]] = {}
        for victim in sorted(self.victims):
            for root in self.victims[victim]:
                found.setdefault(root, []).append(victim)
        object.__setattr__(self, "_hurt_by", found)

    def victims_of(self, root: str) -> tuple[str, ...]:
        """Services hurt by this root, sorted by name."""
        return tuple(self._hurt_by.get(root, ()))


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probability that a service fails within the horizon, with cause and evidence.

    `earliest_s`, `likely_s` and `latest_s` are moments; `latest_s` NaN: perhaps never. `level` is
    where the signal stands now, as a share of its limit. `raw`: the probability without a
    calibration; NaN: the same.
    """

    service: str
    cause: Cause
    probability: float
    earliest_s: float
    likely_s: float
    evidence: tuple[str, ...]
    model_version: str
    made_at_s: float
    latest_s: float = UNKNOWN
    horizon_s: float = UNKNOWN
    level: float = UNKNOWN
    instance: str = ""
    raw: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Strain:
    """Something unusual that lasts while the service still passes its check: no failure yet.

    `level`: as it was measured; `share`: how much of its limit that is, 0–1, where it has one: of
    its memory, or of the time that its check may take.
    """

    service: str
    cause: Cause
    reason: str
    since_s: float
    level: float = UNKNOWN
    instance: str = ""
    share: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Trend:
    """A line towards a limit, however far away: `level` of it is used, `per_s` more each second,
    seen since `since_s` in so many `points`. Moments as in `Prediction`: infinite is never."""

    service: str
    cause: Cause
    level: float
    per_s: float
    since_s: float
    points: int
    earliest_s: float
    likely_s: float
    latest_s: float
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Predictions:
    """At most one prediction, one strain and one trend per service and cause. `threatened`: who
    would fail with what it needs, as far as that is foretold. It is told alone: what is acted upon,
    written down and judged is in `items`."""

    items: tuple[Prediction, ...] = ()
    strains: tuple[Strain, ...] = ()
    trends: tuple[Trend, ...] = ()
    threatened: tuple[Prediction, ...] = ()

    def of(self, service: str, causes: Collection[Cause] | None = None) -> Prediction | None:
        """The likeliest prediction for this service; of these causes alone, if any are named."""
        mine = [
            p for p in self.items if p.service == service and (causes is None or p.cause in causes)
        ]
        return max(mine, key=lambda p: p.probability, default=None)


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that one look understood."""

    own: OwnHealth
    relations: Relations
    predictions: Predictions = Predictions()
