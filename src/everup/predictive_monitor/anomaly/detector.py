"""The detector of anomalies: `Detector.step(times, values) -> Step`, a row at a time. Pure.

Flows in: one moment and `values [service, signal]` (NaN = unknown), in time order. Flows out: how
rare the row is, by service, signal and member; what is noted; what is an alarm. Everything it keeps
is in plain arrays (`arrays`, `of`), so that it can be stored and goes on where it was. It looks at
nothing that came later, begins with nothing, and says nothing until it has seen enough.

    values ─▶ intake ─▶ streams ───────▶ services ──────▶ reports ─▶ noted, alarms
              poison    members, tails   views, tails     twice, once, budget
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.daily import slots_of
from everup.predictive_monitor.anomaly.intake import Flaw, Intake
from everup.predictive_monitor.anomaly.model import ServiceModel
from everup.predictive_monitor.anomaly.reports import WARM_ROWS, Reports, bound_of
from everup.predictive_monitor.anomaly.services import (
    VIEWS,
    Services,
    Signals,
    decisive,
    feature_names,
)
from everup.predictive_monitor.anomaly.signs import MEMBERS
from everup.predictive_monitor.anomaly.streams import Judged, Streams

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

WHY_MOST = 5
BREAK_ROWS = 12
"""So many rows skipped are a break; and for so many rows after it nothing is rare."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason: this member of this signal is so rare (−log10 of its chance). A view of the whole
    service has no signal."""

    signal: str
    member: str
    rarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one row says. `rarity [service, signal, member]`; `views [service, view]`; `level
    [service]` is what the bound is held against, `sure` the same without lone spikes; `noted` and
    `alarms` begin with this row; `is_high`: the level is at its bound now, told or not."""

    rarity: Floats
    views: Floats
    level: Floats
    sure: Floats
    bound: NDArray[np.float64]
    noted: Bools
    alarms: Bools
    is_high: Bools
    seen: Signals


class Detector:
    """All streams of all services. `signals` are the same for each service; what a service does not
    have stays unknown."""

    def __init__(self, services: int, signals: tuple[str, ...]) -> None:
        if services < 0 or not signals:
            raise ValueError("a detector needs signals, and no less than 0 services")
        self.services, self.signals = services, signals
        streams = services * len(signals)
        self.intake = Intake.new(services, len(signals))
        self.streams = Streams.new(streams)
        self.together = Services.new(services)
        self.reports = Reports.new(services)
        self.learned = np.zeros(services, dtype=np.float64)
        self.hush = np.zeros(services, dtype=np.int32)

    def step(
        self,
        times_s: NDArray[np.float64],
        values: Floats,
        model: ServiceModel | None = None,
        budget: float = 1.0,
    ) -> Step:
        """Judge one row of each service, then learn it. Time not after the last: left out.
        `budget`: how many alarms there may be, as a multiple of what is usual."""
        shape = (self.services, len(self.signals))
        rows, clean, judged = self._take(times_s, values, judges=True)
        rarest = np.where(np.isfinite(clean), judged.rarity.max(axis=1), np.nan)
        features = judged.features.reshape(*shape, -1)
        seen = Signals(rarest.reshape(shape), features)
        may_be_lone = judged.may_be_lone.reshape(shape)
        views = self.together.views(seen, rows, model)
        rarity_now = sure_now = decisive(views, seen, model)
        lone = rows & may_be_lone.any(axis=1)
        if lone.any():
            calm = Signals(
                np.where(may_be_lone, np.float32(np.nan), rarest.reshape(shape)),
                np.where(may_be_lone[..., None], np.float32(np.nan), features),
            )
            of_calm = decisive(self.together.views(calm, lone, model), calm, model)
            sure_now = np.where(lone, of_calm, rarity_now).astype(np.float32)
        self.together.learn(seen, rows, model)
        stood: Bools = np.asarray(judged.stood.reshape(shape).any(axis=1))
        # After a break a window is watched first: what is learned anew would look rare.
        is_hushed = self.hush > 0
        rarity_now, sure_now = (
            np.where(is_hushed, np.float32(0.0), one) for one in (rarity_now, sure_now)
        )
        self.reports.push(rarity_now, sure_now, stood & ~is_hushed, rows)
        self.learned += rows
        noted, alarms = self.reports.speak(times_s, self.learned, rows, budget)
        level, sure = self.reports.levels()
        bound = bound_of(self.learned, budget)
        rarity = judged.rarity.reshape(*shape, len(MEMBERS))
        is_high = rows & (sure >= bound) & (self.learned >= WARM_ROWS)
        return Step(rarity, views, level, sure, bound, noted, alarms, is_high, seen)

    def measure(self, times_s: NDArray[np.float64], values: Floats) -> Signals:
        """Only what a model is trained on: the same features at a fraction of the cost. Its
        `rarest` is 0 where a signal is known. Who measured has not learned what is rare."""
        _, clean, judged = self._take(times_s, values, judges=False)
        shape = (self.services, len(self.signals))
        known = np.where(np.isfinite(clean), np.float32(0.0), np.float32(np.nan))
        return Signals(known.reshape(shape), judged.features.reshape(*shape, -1))

    def _take(
        self, times_s: NDArray[np.float64], values: Floats, *, judges: bool
    ) -> tuple[Bools, Floats, Judged]:
        shape = (self.services, len(self.signals))
        if values.shape != shape or times_s.shape != shape[:1]:
            raise ValueError(f"values must be {shape}, with a time for each service")
        rows = self.intake.accept(times_s)
        self._skip(self.intake.missed(times_s, rows), rows)
        of_streams = np.repeat(rows, len(self.signals))
        clean = self.intake.clean(values.reshape(-1), self.streams.past, of_streams)
        slot = np.repeat(slots_of(times_s), len(self.signals))
        judged = self.streams.step(clean, slot, of_streams, judges=judges)
        self.intake.flaws[:, Flaw.LONE_SPIKE] += judged.was_lone
        return rows, clean, judged

    def _skip(self, missed: NDArray[np.int64], rows: Bools) -> None:
        signals = len(self.signals)
        for service in np.flatnonzero(missed):
            for stream in range(service * signals, (service + 1) * signals):
                self.streams.skip(stream, int(missed[service]))
        left = np.where(missed >= BREAK_ROWS, BREAK_ROWS, np.maximum(self.hush - rows, 0))
        self.hush[:] = left

    def adopt(self, model: ServiceModel, rows: NDArray[np.float64]) -> None:
        """A new model takes over; `rows [row, service, feature]` of the past teach what is usual
        for it. ValueError: it is a model of other signals."""
        if model.features != feature_names(self.signals):
            raise ValueError("the model was trained on other signals")
        for service in range(self.services):
            known = rows[:, service]
            self.together.adopt(model, service, known[np.isfinite(known).all(axis=1)])

    def why(self, step: Step, service: int) -> tuple[Why, ...]:
        """The rarest members and views behind a row, the rarest first."""
        found = [
            Why(self.signals[signal], MEMBERS[member], float(rarity))
            for (signal, member), rarity in np.ndenumerate(step.rarity[service])
            if rarity > 0
        ]
        views = zip(VIEWS[1:], step.views[service, 1:], strict=True)
        found += [Why("", view, float(rarity)) for view, rarity in views if rarity > 0]
        return tuple(sorted(found, key=lambda w: (-w.rarity, w.signal, w.member))[:WHY_MOST])

    def flaws(self) -> dict[str, NDArray[np.int64]]:
        """How much poisoned input came, by kind: `[service, signal]`."""
        shape = (self.services, len(self.signals))
        return {kind.name.lower(): self.intake.flaws[:, kind].reshape(shape) for kind in Flaw}

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that is kept, by name; not copied."""
        found: dict[str, NDArray[np.generic]] = {"learned": self.learned, "hush": self.hush}
        for part in (self.intake, self.streams, self.reports):
            for field in fields(part):
                value = getattr(part, field.name)
                if isinstance(value, np.ndarray):
                    found[f"{type(part).__name__.lower()}.{field.name}"] = value
        daily = self.streams.daily
        found |= {"daily.usual": daily.usual, "daily.deviation": daily.deviation}
        found |= {"daily.seen": daily.seen, "tails": self.streams.tails.counts}
        life = self.streams.life
        found |= {"life.usual": life.usual, "life.seen": life.seen}
        return found | {"views": self.together.tails.counts}

    @classmethod
    def of(
        cls, services: int, signals: tuple[str, ...], kept: Mapping[str, NDArray[np.generic]]
    ) -> Detector:
        """From what `arrays` gave. ValueError: it is of another shape."""
        made = cls(services, signals)
        for name, empty in made.arrays().items():
            given = kept.get(name)
            if given is None or given.shape != empty.shape or given.dtype != empty.dtype:
                raise ValueError(f"what was kept of the detector does not fit: {name}")
            empty[...] = given
        return made
