"""The life of models: when one is trained, whether it takes over, who serves, and the way back.

Flows in: completed looks, a person's wish, history and failures of the journal. Flows out:
`ModelTrained`, `ModelNotTrained` and `ModelReturned`, and the bytes of who serves. Called by
`Control` after each look, which never waits for it: the work is done in a process of its own, at
the lowest priority. A model that is damaged or of another make never serves: then none does.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from everup.loop.anomalies import anomaly_model
from everup.loop.foresight import failure_model
from everup.loop.past_failures import failures_since
from everup.loop.ports import History
from everup.loop.schedule import is_rest
from everup.model.entries import Entry, ModelNotTrained, ModelReturned, ModelTrained
from everup.model.errors import Damaged, EverupError, GiveUp, TryAgain
from everup.model.history import INDEX, Columns, FloatArray, TimeArray
from everup.model.kinds import UNKNOWN
from everup.model.learned import Craft, ModelCard, Standing, Trained, TrainingOrder
from everup.predictive_monitor.anomaly import ServiceModel
from everup.predictive_monitor.champion import judge
from everup.predictive_monitor.drift import Drift

if TYPE_CHECKING:
    from everup.loop.control import Control

BY_ITSELF = "everup"
BY_DRIFT = "drift"
AGAIN_SHARE = 1 / 7
"""Of the interval: after an attempt that gave nothing, the next one comes this soon."""
DAY_S = 86_400.0
"""A drift has one trained at most so often."""
PIECE_BYTES = 16 * 1024 * 1024
LOAD_AGAIN_S = 600.0
"""After a disk that did not answer; what is damaged stays so."""

Serve = Callable[[Craft, bytes | None], str]
"""Have these bytes serve, or none; why not, "" if they do."""


WhyNotServe = Callable[[Craft, bytes], str]
"""Why these bytes could not serve, "" when they can; nothing is changed by asking."""


def serving(control: Control) -> Serve:
    """Who serves what."""

    def serve(craft: Craft, content: bytes | None) -> str:
        if craft is Craft.ANOMALY:
            return control.anomalies.serve(content)
        return control.foresight.serve(craft, content)

    return serve


def refusing(control: Control) -> WhyNotServe:
    """Who says why bytes could not serve here."""

    def why_not(craft: Craft, content: bytes) -> str:
        try:
            if craft is Craft.ANOMALY:
                anomaly_model(content, control.settings.anomaly_row_s)
            else:
                failure_model(content)
        except ValueError as error:
            return str(error)
        return ""

    return why_not


class Models:
    """One training at a time. `serve` is told of every change of who serves; `drift` of each row of
    features, by whoever has them measured. `why_not_serve`: asked before one is promised."""

    def __init__(self, control: Control, serve: Serve, why_not_serve: WhyNotServe) -> None:
        self._control, self._serve, self._why_not_serve = control, serve, why_not_serve
        self._serving: dict[Craft, str] = {}  # craft → version that is loaded
        # Versions that could not be loaded: not again before that time; inf: in this life.
        self._tried: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._craft: Craft | None = None
        self.faults: dict[Craft, str] = {}
        self.drift = Drift()

    @property
    def under_way(self) -> Craft | None:
        """What is being trained now."""
        return self._craft if self._is_busy else None

    @property
    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def why_not(self) -> str:
        """Why nothing can be trained; "" when it can."""
        rooms = self._control.beside.rooms
        if rooms.trainer is None or rooms.models is None or rooms.history is None:
            return "this Everup has no trainer, no place for models, or keeps no history"
        return rooms.trainer.why_not()

    def after_look(self) -> None:
        """Have who should serve do so; begin what is due, once there is rest."""
        control = self._control
        if (rows := control.anomalies.fresh_features()) is not None:
            self.drift.take(rows)
        if self._is_busy:
            return
        for craft in Craft:
            card = control.state.champion(craft)
            wanted = "" if card is None else card.version
            is_time = control.clock.now() >= self._tried.get(wanted, -math.inf)
            if self._serving.get(craft, "") != wanted and is_time:
                self._begin(self._load(craft, card), None)
                return
        if not is_rest(control.state, control.cannot_act()):
            return
        due = next((craft for craft in Craft if self.due_s(craft) <= control.clock.now()), None)
        if due is not None:
            self._begin(self._train(due, self._by(due)), due)

    def ask(self, craft: Craft, by: str) -> None:
        """Somebody wants one trained now.

        Raises:
            GiveUp: nothing can be trained here.
            TryAgain: something is under way.
        """
        if why := self.why_not():
            raise GiveUp(f"nothing can be trained: {why}")
        if self._is_busy:
            what = self._craft or "a model that is being loaded"
            raise TryAgain(f"{what} is under way", self._control.settings.tick_s)
        self._begin(self._train(craft, by), craft)

    async def give_back(self, craft: Craft, version: str, by: str, reason: str) -> ModelCard | None:
        """Have an earlier one serve, at once; without `version` the one before. None: none serves.

        Raises:
            GiveUp: there is none of this version, it serves already, or it cannot serve here.
        """
        control = self._control
        cards, now = control.state.models.get(craft, ()), control.state.champion(craft)
        if version:
            card = next((one for one in cards if one.version == version), None)
            if card is None:
                raise GiveUp(f"there is no model {version} of {craft}")
        else:
            former = [one for one in cards if one.standing is Standing.FORMER]
            card = former[-1] if former else None
        wanted, before = ("" if card is None else card.version), "" if now is None else now.version
        if wanted == before:
            raise GiveUp(f"{wanted or 'none'} serves {craft} already")
        if card is not None:
            content = await self._bytes_of(card)  # whole, before it is promised
            if why := self._why_not_serve(craft, content):
                raise GiveUp(f"{card.version} cannot serve {craft}: {why}")
            self._tried.pop(card.version, None)
        await control.write([ModelReturned(control.clock.now(), craft, wanted, before, reason, by)])
        control.wake("another model")
        return control.state.champion(craft)

    async def close(self) -> None:
        """End what is under way; the worker ends with it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None], craft: Craft | None) -> None:
        self._craft = craft
        self._task = asyncio.create_task(work, name="models")

    def due_s(self, craft: Craft) -> float:
        """When the next one is trained by itself, once there is rest; NaN: not foreseen."""
        control = self._control
        state, settings = control.state, control.settings
        if not settings.training_enabled or self.why_not():
            return UNKNOWN
        cards, failed = state.models.get(craft, ()), state.not_trained.get(craft)
        due_s = control.memory.first_look_s + settings.training_first_s
        if cards:
            due_s = cards[-1].trained_at_s + settings.training_interval_s
            if self.drifted(craft) or craft in self.faults:  # none serves, though one should
                due_s = min(due_s, cards[-1].trained_at_s + DAY_S * settings.time_scale)
        if failed is not None:
            due_s = max(due_s, failed.at_s + settings.training_interval_s * AGAIN_SHARE)
        return due_s

    def drifted(self, craft: Craft) -> str:
        """How far what is seen now is from what who serves was trained on, if it is too far."""
        found = self.drift.found()
        return found.reason if craft is Craft.ANOMALY and found.has_drifted else ""

    def _by(self, craft: Craft) -> str:
        """Whose doing it is that one is due now."""
        control = self._control
        cards = control.state.models.get(craft, ())
        usual_s = control.settings.training_interval_s
        is_early = bool(cards) and control.clock.now() < cards[-1].trained_at_s + usual_s
        return BY_DRIFT if is_early and self.drifted(craft) else BY_ITSELF

    def _watch(self, craft: Craft, content: bytes | None) -> None:
        """Hold what comes against what this one was trained on."""
        if craft is Craft.ANOMALY:
            self.drift.expect(None if content is None else ServiceModel.unpack(content).spread)

    async def _load(self, craft: Craft, card: ModelCard | None) -> None:
        if card is None:
            self._stop(craft)
            return
        again_s = math.inf
        try:
            content = await self._bytes_of(card)
            fault = self._serve(craft, content)
            if not fault:
                self._watch(craft, content)
        except Exception as error:  # noqa: BLE001 - whatever it is: this one does not serve
            fault = str(error) or type(error).__name__
            if isinstance(error, TryAgain):
                again_s = self._control.clock.now() + LOAD_AGAIN_S
        if not fault:
            self._serving[craft] = card.version
            self._tried.pop(card.version, None)
            self.faults.pop(craft, None)
            return
        self._tried[card.version] = again_s
        self.faults[craft] = f"{card.version} cannot serve: {fault}"
        self._stop(craft)
        self._control.beside.rooms.log.warning("model_not_loaded", text=self.faults[craft])

    def _stop(self, craft: Craft) -> None:
        self._serve(craft, None)
        self._watch(craft, None)
        self._serving.pop(craft, None)

    async def _bytes_of(self, card: ModelCard) -> bytes:
        shelf = self._control.beside.rooms.models
        if shelf is None:
            raise GiveUp("this Everup has no place for models")
        content = await shelf.read(card.address)
        if hashlib.sha256(content).hexdigest() != card.address:
            raise Damaged(f"{card.version} is not as it was put there", card.address)
        return content

    async def _train(self, craft: Craft, by: str) -> None:
        control = self._control
        now_s = control.clock.now()
        entry: Entry
        try:
            entry = await self._trained(craft, by)
        except Exception as error:  # noqa: BLE001 - a flaw of ours is an attempt that failed, once
            if not isinstance(error, (EverupError, OSError)):
                self._control.beside.rooms.log.warning("training_failed", text=repr(error))
            entry = ModelNotTrained(now_s, craft, str(error) or type(error).__name__, by)
        await control.write([entry])
        if isinstance(entry, ModelTrained):
            await self._sweep()
        control.wake("training ended")

    async def _trained(self, craft: Craft, by: str) -> ModelTrained:
        control = self._control
        rooms, settings, now_s = control.beside.rooms, control.settings, control.clock.now()
        assert rooms.trainer is not None
        assert rooms.models is not None
        assert rooms.history is not None
        from_s = now_s - settings.training_days * DAY_S * settings.time_scale
        champion = control.state.champion(craft)
        before: bytes | None = None
        if champion is not None:
            with suppress(EverupError, OSError):
                before = await self._bytes_of(champion)
        order = TrainingOrder(
            craft=craft,
            stack=control.stack.name,
            services=tuple(control.stack.services),
            from_s=from_s,
            to_s=now_s,
            interval_s=settings.sample_interval_s,
            horizon_s=settings.prediction_horizon_s,
            failures=await failures_since(control.journal, from_s),
            champion=before,
            rows_most=settings.training_rows_most,
            time_most_s=settings.training_most_s,
            row_s=settings.anomaly_row_s,
        )
        found = await rooms.trainer.train(order, pieces_of(rooms.history, order))
        return await self._examined(craft, by, found, champion, before is not None)

    async def _examined(
        self,
        craft: Craft,
        by: str,
        found: Trained,
        champion: ModelCard | None,
        is_readable: bool,
    ) -> ModelTrained:
        shelf = self._control.beside.rooms.models
        assert shelf is not None
        theirs: Mapping[str, float] | None = None
        if champion is not None:
            theirs = found.champion_scores if is_readable else {"": UNKNOWN}
        said = judge(craft, found.scores, theirs)
        address = await shelf.write(found.content)
        return ModelTrained(
            self._control.clock.now(),
            craft,
            f"{craft}-{address[:10]}",
            address,
            len(found.content),
            found.from_s,
            found.unseen_from_s,
            found.to_s,
            found.rows,
            found.features,
            said.takes_over,
            said.reason,
            by,
            dict(found.scores),
            dict(found.champion_scores),
            found.took_s,
            found.notes,
        )

    async def _sweep(self) -> None:
        control = self._control
        shelf = control.beside.rooms.models
        if shelf is None:
            return
        wanted = {card.address for cards in control.state.models.values() for card in cards}
        with suppress(EverupError, OSError):
            await shelf.sweep(wanted)


async def pieces_of(history: History, order: TrainingOrder) -> AsyncIterator[Columns]:
    """The past of all services in pieces: history is read once, and little of it is in memory."""
    waiting: list[tuple[TimeArray, FloatArray]] = []
    async for block in history.blocks(order.from_s, order.to_s):
        waiting.append(block)
        if sum(values.nbytes for _, values in waiting) >= PIECE_BYTES:
            for piece in _pieces(order.services, waiting):
                yield piece
            waiting = []
    for piece in _pieces(order.services, waiting):
        yield piece


def _pieces(
    services: Sequence[str], blocks: Sequence[tuple[TimeArray, FloatArray]]
) -> Iterator[Columns]:
    if not blocks:
        return
    times_s = np.concatenate([times for times, _ in blocks])
    for place, service in enumerate(services):
        table = np.concatenate([values[:, :, place] for _, values in blocks])
        columns = {signal: table[:, index] for signal, index in INDEX.items()}
        yield Columns(service, times_s, columns)
