"""Anomalies: the detector beside the loop, fed with each sample, and what it says kept for others.

Flows in: samples, a model's bytes, the history of earlier lives. Flows out: `AnomalyNoticed`, how
unusual each service is now, and how much input could not be believed. Called by `rooms` with each
sample and after each look, and by `record`. `predictive_monitor.anomaly` is the pure part.

The detector begins with nothing and needs a day before it says anything. So that a restart of ours
costs no day, it first lives through the last days of history, a row at a time between looks; rows
that are finished meanwhile wait. Another model does the same. Without history it goes on as it is.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.loop.ports import History
from everup.model.anomaly import Anomaly, AnomalyNow, AnomalyReason, InputFlaw
from everup.model.entries import AnomalyNoticed, Entry
from everup.model.errors import EverupError
from everup.model.history import INDEX, FloatArray
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.predictive_monitor.anomaly import Detector, ServiceModel, Step
from everup.predictive_monitor.anomaly.gathering import WATCHED, Gathering
from everup.predictive_monitor.anomaly.reports import WARM_ROWS
from everup.predictive_monitor.anomaly.services import feature_names, features_of

SIGNAL_NAMES = tuple(str(signal) for signal in WATCHED)
WATCHED_AT = [INDEX[signal] for signal in WATCHED]
LIVED_ROWS_MOST = 2016
"""A week of rows of five minutes."""
LIVED_VALUES_MOST = 5_000_000
"""Rows times services times signals: what a start may cost."""
WAITING_ROWS_MOST = 288
RESTS = 4.0
"""After each row of the past, for so many times as long as it took: what is healed meanwhile has
four fifths of the processor."""
INLINE_VALUES_MOST = 300
"""While the past is lived through, rows of more are judged in a thread."""
ASIDE_VALUES_MOST = 3000
"""A living row of more is judged in a thread too: a thousand services take most of a second, which
no look may wait for."""
ROW_FAULT = "a row could not be judged"

Floats = NDArray[np.float32]


def anomaly_model(content: bytes, row_s: float) -> ServiceModel:
    """One that can serve where rows are so long.

    Raises:
        ValueError: why it cannot.
    """
    try:
        model = ServiceModel.unpack(content)
    except ValueError as error:
        raise ValueError(f"it cannot be read: {error}") from None
    if why := model.why_not_for(feature_names(SIGNAL_NAMES), row_s):
        raise ValueError(why)
    return model


@dataclass(frozen=True, slots=True, eq=False)
class _Latest:
    """The row that was judged last."""

    at_s: float
    values: Floats
    step: Step


class Anomalies:
    """Of one stack. `rows_s`: how long a row is."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self.services = tuple(stack.services)
        self.row_s = settings.anomaly_row_s
        self._detector = Detector(len(self.services), SIGNAL_NAMES)
        self._gathering = Gathering(len(self.services), row_s=self.row_s)
        self._model: ServiceModel | None = None
        self._latest: _Latest | None = None
        self._now: Mapping[str, AnomalyNow] | None = None
        self._due: list[Anomaly] = []
        self._waiting: list[tuple[float, Floats]] = []
        self._life: asyncio.Task[None] | None = None
        self._aside: asyncio.Task[None] | None = None
        self._is_to_live = True
        self._fresh: NDArray[np.float64] | None = None
        self.fault = ""
        self.budget = 1.0  # of alarms, as a multiple of what is set
        self.rests = RESTS
        self.counts: dict[tuple[str, str], int] = {}

    @property
    def is_living_through(self) -> bool:
        """Is the past still being lived through? Until then, what is said is of this life alone."""
        return self._life is not None and not self._life.done()

    def serve(self, content: bytes | None) -> str:
        """Have this model serve, or none; why it cannot, "" if it does."""
        model: ServiceModel | None = None
        if content is not None:
            try:
                model = anomaly_model(content, self.row_s)
            except ValueError as error:
                return str(error)
        if model is None and self._model is None:
            return ""
        self._model, self._is_to_live = model, True
        if model is not None:
            nothing = np.empty((0, len(self.services), len(model.features)))
            self._detector.adopt(model, nothing)
        return ""

    def take(self, at_s: float, sample: FloatArray) -> None:
        """One more sample `[signal, service]`."""
        row = self._gathering.take(at_s, sample[WATCHED_AT].T)
        if row is not None:
            self._waiting = [*self._waiting, row][-WAITING_ROWS_MOST:]
            self._judge_what_waits()

    def after_look(self, history: History | None, now_s: float) -> None:
        """Live through the past, if that is still to be done."""
        if history is None or not self._is_to_live:
            return
        self._is_to_live = False
        if self._life is not None:
            self._life.cancel()
        work = self._live_through(history, now_s)
        self._life = asyncio.create_task(work, name="anomalies of the past")

    async def close(self) -> None:
        """End what is under way."""
        for task in (self._life, self._aside):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def due(self) -> list[Entry]:
        """What is to be written down, once."""
        found: list[Entry] = [AnomalyNoticed(a.at_s, a.service, a) for a in self._due]
        self._due = []
        return found

    def fresh_features(self) -> NDArray[np.float64] | None:
        """`[service, feature]` of the latest row, once; None: there is no new one."""
        found, self._fresh = self._fresh, None
        return found

    def now(self) -> Mapping[str, AnomalyNow]:
        """How unusual each service is, as of the latest row."""
        if self._now is None:
            self._now = {name: self._of(place) for place, name in enumerate(self.services)}
        return self._now

    def shares(self) -> Mapping[str, float]:
        """Service → its level over the bound, of those that are anomalous at present."""
        if self._latest is None or not self._latest.step.is_high.any():
            return {}
        return {name: one.share for name, one in self.now().items() if one.is_high}

    def flaws(self) -> Sequence[InputFlaw]:
        """Input that could not be believed, as far as there was any; what a service never had
        counts for nothing."""
        found: list[InputFlaw] = []
        for kind, counts in self._detector.flaws().items():
            for service, signal in np.argwhere(counts):
                name, of = self.services[service], SIGNAL_NAMES[signal]
                found.append(InputFlaw(name, of, kind, int(counts[service, signal])))
        return found

    def _judge_what_waits(self) -> None:
        """In their order, one at a time."""
        while self._waiting and not self.is_living_through and self._aside is None:
            at_s, values = self._waiting.pop(0)
            if values.size > ASIDE_VALUES_MOST:
                work = self._judge_aside(at_s, values)
                self._aside = asyncio.create_task(work, name="anomalies of a row")
            else:
                self._tell(at_s, values, self._step(self._detector, self._model, at_s, values))

    async def _judge_aside(self, at_s: float, values: Floats) -> None:
        """On a copy, so that whoever asks meanwhile sees the row before, whole. When another
        detector or model took its place, the row is judged by that one."""
        try:
            while True:
                ours, model = self._detector, self._model
                ahead = copy.deepcopy(ours)
                step = await asyncio.to_thread(self._step, ahead, model, at_s, values)
                if self._detector is ours and self._model is model:
                    break
            self._detector = ahead
            self._tell(at_s, values, step)
            self.fault = "" if self.fault.startswith(ROW_FAULT) else self.fault
        except Exception as error:  # noqa: BLE001 - one row less, and the loop goes on
            self.fault = f"{ROW_FAULT}: {error!r}"
        finally:
            self._aside = None
        self._judge_what_waits()

    def _step(
        self, detector: Detector, model: ServiceModel | None, at_s: float, values: Floats
    ) -> Step:
        times = np.full(len(self.services), at_s)
        return detector.step(times, values, model, self.budget)

    def _tell(self, at_s: float, values: Floats, step: Step) -> None:
        self._latest, self._now = _Latest(at_s, values, step), None
        self._fresh = features_of(step.seen)
        for place in np.flatnonzero(step.noted | step.alarms):
            name, is_alarm = self.services[place], bool(step.alarms[place])
            level, bound = float(step.level[place]), float(step.bound[place])
            reasons = self._reasons(self._latest, int(place))
            self._due.append(Anomaly(name, at_s, level, bound, is_alarm, reasons))
            kind = (name, "alarm" if is_alarm else "noted")
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def _of(self, place: int) -> AnomalyNow:
        latest, rows = self._latest, int(self._detector.learned[place])
        name, needed = self.services[place], int(WARM_ROWS)
        if latest is None:
            return AnomalyNow(name, float("nan"), 0.0, float("nan"), False, rows, needed)
        step = latest.step
        level, bound, is_high = step.sure[place], step.bound[place], bool(step.is_high[place])
        reasons = self._reasons(latest, place)
        return AnomalyNow(
            name, latest.at_s, float(level), float(bound), is_high, rows, needed, reasons
        )

    def _reasons(self, latest: _Latest, place: int) -> tuple[AnomalyReason, ...]:
        found = []
        for why in self._detector.why(latest.step, place):
            is_one = bool(why.signal)
            value = latest.values[place, SIGNAL_NAMES.index(why.signal)] if is_one else np.nan
            found.append(AnomalyReason(why.signal, why.member, why.rarity, float(value)))
        return tuple(found)

    async def _live_through(self, history: History, now_s: float) -> None:
        """A fresh detector lives through what is kept, and takes over."""
        model, fresh = self._model, Detector(len(self.services), SIGNAL_NAMES)
        try:
            past = await self._past(history, now_s)
            loop = asyncio.get_running_loop()
            for times, values in past:
                begun_s = loop.time()
                if values.size > INLINE_VALUES_MOST:
                    await asyncio.to_thread(fresh.step, times, values, model, self.budget)
                else:
                    fresh.step(times, values, model, self.budget)
                await asyncio.sleep(self.rests * (loop.time() - begun_s))
        except Exception as error:  # noqa: BLE001 - whatever the past holds, this life goes on
            why = str(error) if isinstance(error, EverupError | OSError) else repr(error)
            self.fault = f"the past could not be read, anomalies are told in a day: {why}"
            self._end_waiting()
            return
        self.fault = ""
        if past:
            self._detector = fresh
        self._end_waiting()

    def _end_waiting(self) -> None:
        self._life = None
        self._judge_what_waits()

    async def _past(
        self, history: History, now_s: float
    ) -> list[tuple[NDArray[np.float64], Floats]]:
        """Rows of all services, with the time of each service that has one."""
        a_row = max(1, len(self.services) * len(WATCHED))
        rows_most = min(LIVED_ROWS_MOST, LIVED_VALUES_MOST // a_row)
        since_s = (int((now_s - rows_most * self.row_s) // self.row_s) + 1) * self.row_s
        until_s = (now_s // self.row_s) * self.row_s  # the stretch of now belongs to this life
        gathering = Gathering(len(self.services), row_s=self.row_s)
        rows: list[tuple[float, Floats] | None] = []
        async for times_s, samples in history.blocks(since_s, until_s):
            watched = samples[:, WATCHED_AT].swapaxes(1, 2)
            for at_s, sample in zip(times_s.tolist(), watched, strict=True):
                if since_s <= at_s < until_s:
                    rows.append(gathering.take(at_s, sample))
            await asyncio.sleep(0)
        found = [row for row in (*rows, gathering.rest()) if row is not None]
        was_there = np.zeros(len(self.services), dtype=np.bool_)
        past = []
        for end_s, values in found:
            was_there |= ~np.isnan(values).all(axis=1)
            past.append((np.where(was_there, end_s, np.nan), values))
        return past
