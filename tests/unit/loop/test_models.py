"""The life of models: when one is trained, who serves, the way back; damaged ones never serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from everup.blobs import ModelFolder
from everup.history import MemoryHistory
from everup.loop.fold import fold_all
from everup.loop.fold_models import MODELS_MOST
from everup.loop.models import LOAD_AGAIN_S, Models, pieces_of, refusing
from everup.loop.rooms import NoLog, Rooms
from everup.model import entries as e
from everup.model.errors import Damaged, GiveUp, TryAgain
from everup.model.history import INDEX, SIGNALS, Columns
from everup.model.incident import Incident
from everup.model.kinds import UNKNOWN, Cause
from everup.model.learned import Craft, Standing, Trained, TrainingOrder
from everup.model.settings import Settings
from everup.model.state import Memory, StackState
from everup.predictive_monitor.drift import TAKES_LEAST
from everup.training.anomaly import fit
from tests.unit.builders import service, stack

ONE = stack(service("a"), service("b"))
SETTINGS = Settings()
START_S = 1_700_000_000.0
DAY_S = 86_400.0
FIRST_S = SETTINGS.training_first_s
CRAFT = Craft.FAILURE
"""The one that the stories are about; of the other nothing can be learned in them."""
INCIDENT = Incident("inc-1", "a", Cause.CRASH, "died", START_S, ended_at_s=START_S + 5.0)


@dataclass
class Trainer:
    """Answers in turn; the last answer stays. An exception is raised; a number is slept."""

    answers: list[Any]
    craft: Craft = CRAFT
    orders: list[TrainingOrder] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    no: str = ""
    ended: int = 0

    def why_not(self) -> str:
        return self.no

    async def train(self, order: TrainingOrder, columns: AsyncIterator[Columns]) -> Trained:
        if order.craft is not self.craft:
            raise GiveUp("of this nothing is learned here")
        self.orders.append(order)
        self.read += [one.service async for one in columns]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if isinstance(answer, float):
                await asyncio.sleep(answer)
        finally:
            self.ended += 1
        if isinstance(answer, Exception):
            raise answer
        return cast(Trained, answer)


def made(content: bytes, mine: float, theirs: float = UNKNOWN, name: str = "skill") -> Trained:
    champion = {} if np.isnan(theirs) else {name: theirs}
    return Trained(
        content, START_S, START_S + 3.0, START_S + 4.0, 9, ("x",), {name: mine}, champion
    )


class Journal:
    async def incidents(self, *, limit: int, before: str | None = None) -> list[Incident]:
        return [] if before else [INCIDENT]


class Warnings(NoLog):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(event)


class World:
    """As much of a control as models need; what is written is folded."""

    def __init__(self, folder: Path, *answers: Any, written: Sequence[e.Entry] = ()) -> None:
        self.trainer, self.now_s = Trainer(list(answers) or [made(b"one", 0.5)]), START_S
        self.folder, self.log = folder, Warnings()
        history = MemoryHistory(("a", "b"))
        history.append(START_S, np.zeros((len(SIGNALS), 2), dtype=np.float32))
        rooms = Rooms(
            log=self.log,
            history=history,
            models=ModelFolder(folder),
            trainer=self.trainer,
        )
        self.beside, self.stack, self.settings = SimpleNamespace(rooms=rooms), ONE, SETTINGS
        self.journal, self.clock = Journal(), SimpleNamespace(now=lambda: self.now_s)
        self.memory, self.written = Memory(first_look_s=START_S), list(written)
        self.anomalies = SimpleNamespace(fresh_features=lambda: None)
        self.halted, self.serving = "", dict[Craft, bytes | None]()
        self.refuses: dict[bytes, str] = {}
        self.models = Models(
            cast(Any, self), self.serve, lambda _, content: self.refuses.get(content, "")
        )

    @property
    def state(self) -> StackState:
        return fold_all(StackState(), self.written)

    def serve(self, craft: Craft, content: bytes | None) -> str:
        fault = self.refuses.get(content or b"", "")
        if not fault:
            self.serving[craft] = content
        return fault

    def cannot_act(self) -> str:
        return self.halted

    async def write(self, entries: Sequence[e.Entry]) -> None:
        self.written += entries

    def wake(self, why: str) -> None:
        """Somebody looks."""

    async def look(self) -> None:
        """Look until nothing is under way any more."""
        for _ in range(6):
            self.models.after_look()
            task = self.models._task
            if task is not None:
                await asyncio.gather(task, return_exceptions=True)

    def standings(self) -> dict[str, Standing]:
        cards = self.state.models.get(CRAFT, ())
        return {card.version: card.standing for card in cards}

    def entries(self) -> list[Any]:
        """What was written about the craft."""
        return [entry for entry in self.written if getattr(entry, "craft", None) is CRAFT]


def kept_in(folder: Path) -> int:
    return len(list(folder.glob("*.model")))


def damage(folder: Path) -> None:
    (path,) = folder.glob("*.model")
    path.write_bytes(b"onf")


def played(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(cast(Any, story()), 20.0))


def test_the_first_one_is_trained_when_its_time_has_come(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        assert world.models.due_s(CRAFT) == START_S + FIRST_S
        world.now_s += FIRST_S - 1
        await world.look()
        assert not world.trainer.orders
        world.now_s += 1
        await world.look()
        (order,) = world.trainer.orders
        assert order.services == ("a", "b")
        assert world.trainer.read == ["a", "b"]
        assert (order.to_s, order.champion, order.row_s) == (world.now_s, None, 300.0)
        assert order.to_s - order.from_s == SETTINGS.training_days * DAY_S
        assert [failure.service for failure in order.failures] == ["a"]
        (entry,) = world.entries()
        assert (entry.is_champion, entry.by) == (True, "everup")
        assert world.serving[CRAFT] == b"one"

    played(story)


def test_then_weekly_and_who_is_better_takes_over(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path, made(b"one", 0.5), made(b"two", 0.7, 0.6), made(b"three", 0.5, 0.6))
        world.now_s += FIRST_S
        await world.look()
        for seen, serves in ((1, b"one"), (2, b"two"), (3, b"two")):
            assert len(world.trainer.orders) == seen
            assert world.serving[CRAFT] == serves
            world.now_s += SETTINGS.training_interval_s
            if seen < 3:
                await world.look()
        assert [order.champion for order in world.trainer.orders] == [None, b"one", b"two"]
        assert list(world.standings().values()) == [
            Standing.FORMER,
            Standing.CHAMPION,
            Standing.BEATEN,
        ]

    played(story)


def test_nothing_is_trained_while_something_is_wrong_or_it_is_switched_off(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.now_s += FIRST_S
        world.halted = "the journal cannot be written"
        await world.look()
        assert not world.trainer.orders
        world.halted, world.settings = "", replace(SETTINGS, training_enabled=False)
        await world.look()
        assert not world.trainer.orders
        assert np.isnan(world.models.due_s(CRAFT))
        world.models.ask(CRAFT, "ann")
        await world.look()
        assert len(world.trainer.orders) == 1, "a person may all the same"
        world.trainer.no = "nothing is installed"
        with pytest.raises(GiveUp, match="nothing is installed"):
            world.models.ask(CRAFT, "ann")

    played(story)


def test_one_at_a_time(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path, 30.0)
        world.models.ask(CRAFT, "ann")
        await asyncio.sleep(0.05)
        assert world.models.under_way is CRAFT
        with pytest.raises(TryAgain, match="under way"):
            world.models.ask(CRAFT, "bob")
        await world.models.close()
        assert world.trainer.ended == 1, "the worker ends with it"
        assert not world.entries(), "an end of ours is no failed attempt"

    played(story)


@pytest.mark.parametrize(
    "error",
    [GiveUp("too little"), TryAgain("took too long", 9.0), OSError(), AttributeError("a flaw")],
)
def test_an_attempt_that_gives_nothing_is_told_and_tried_again_in_a_day(
    tmp_path: Path, error: Exception
) -> None:
    async def story() -> None:
        world = World(tmp_path, error, made(b"one", 0.5))
        world.now_s += FIRST_S
        await world.look()
        assert len(world.trainer.orders) == 1
        (entry,) = world.entries()
        assert isinstance(entry, e.ModelNotTrained)
        assert entry.reason
        world.now_s += SETTINGS.training_interval_s / 7
        await world.look()
        assert len(world.trainer.orders) == 2
        assert CRAFT not in world.state.not_trained, "forgotten once one succeeds"

    played(story)


def test_a_drift_has_one_trained_early_and_once_a_day(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    names = tuple("abcdefgh")
    content = fit(rng.normal(0, 1, (400, 8)), names).pack()

    async def story() -> None:
        world = World(
            tmp_path, made(content, 0.5, name="calm"), made(b"other", 0.5, 0.5, name="calm")
        )
        world.trainer.craft, models = Craft.ANOMALY, world.models
        world.now_s += FIRST_S
        await world.look()
        assert world.serving[Craft.ANOMALY] == content
        for _ in range(2 * TAKES_LEAST):
            models.drift.take(rng.normal(2, 1, (2, 8)))
        assert "8 of 8 features" in models.drifted(Craft.ANOMALY)
        assert models.drifted(Craft.FAILURE) == ""
        await world.look()
        assert len(world.trainer.orders) == 1, "not within a day of the last"
        world.now_s += DAY_S
        assert models.due_s(Craft.ANOMALY) == world.now_s
        await world.look()
        assert len(world.trainer.orders) == 2
        (last,) = world.state.models[Craft.ANOMALY][1:]
        assert (last.by, last.standing) == ("drift", Standing.BEATEN)
        await world.look()
        assert len(world.trainer.orders) == 2
        await models.give_back(Craft.ANOMALY, "", "ann", "")
        await world.look()
        assert models.drifted(Craft.ANOMALY) == "", "where none serves nothing drifts"

    played(story)


async def two_trained(folder: Path) -> tuple[World, str, str]:
    """The second serves."""
    world = World(folder, made(b"one", 0.5), made(b"two", 0.9, 0.5))
    for _ in range(2):
        world.models.ask(CRAFT, "ann")
        await world.look()
    one, two = world.standings()
    return world, one, two


def test_the_way_back_and_further_to_none(tmp_path: Path) -> None:
    async def story() -> None:
        world, one, two = await two_trained(tmp_path)
        card = await world.models.give_back(CRAFT, "", "ann", "too loud")
        assert card is not None
        assert card.version == one
        await world.look()
        assert world.serving[CRAFT] == b"one"
        with pytest.raises(GiveUp, match="serves"):
            await world.models.give_back(CRAFT, one, "ann", "")
        with pytest.raises(GiveUp, match="no model"):
            await world.models.give_back(CRAFT, "other", "ann", "")
        await world.models.give_back(CRAFT, two, "ann", "")
        await world.look()
        assert world.serving[CRAFT] == b"two"
        entry = world.entries()[-1]
        assert isinstance(entry, e.ModelReturned)
        assert (entry.before, entry.version) == (one, two)

    played(story)


def test_one_that_could_not_serve_here_does_not_take_over_and_who_serves_goes_on(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        world, one, two = await two_trained(tmp_path)
        world.refuses[b"one"] = "it was trained on other signals"
        with pytest.raises(GiveUp, match=f"{one} cannot serve failure: it was trained on other"):
            await world.models.give_back(CRAFT, "", "ann", "")
        await world.look()
        assert world.serving[CRAFT] == b"two"
        assert world.standings()[two] is Standing.CHAMPION

    played(story)


def test_the_past_comes_in_pieces_of_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everup.loop.models.PIECE_BYTES", 1)
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(30, len(SIGNALS), 2)).astype(np.float32)

    class Blocks(MemoryHistory):
        async def blocks(self, since_s: float, until_s: float) -> AsyncIterator[Any]:
            async for times, values in super().blocks(since_s, until_s):
                for part in np.array_split(np.arange(len(times)), 3):
                    yield times[part], values[part]

    async def story() -> None:
        history = Blocks(("a", "b"))
        for number, sample in enumerate(samples):
            history.append(float(number), sample)
        given = SimpleNamespace(services=("a", "b"), from_s=5.0, to_s=24.0)
        found = [one async for one in pieces_of(history, cast(Any, given))]
        assert [one.service for one in found] == ["a", "b"] * 3
        for place, name in enumerate("ab"):
            mine = [one for one in found if one.service == name]
            times = np.concatenate([one.times_s for one in mine])
            assert times.tolist() == list(range(5, 25))
            for signal, index in INDEX.items():
                column = np.concatenate([one.values[signal] for one in mine])
                np.testing.assert_array_equal(column, samples[5:25, index, place])

    asyncio.run(story())


def test_what_may_serve_is_asked_of_who_serves() -> None:
    for craft in Craft:
        control = cast(Any, SimpleNamespace(settings=SETTINGS))
        assert refusing(control)(craft, b"no model")


def test_the_same_model_once_more_serves_on(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path, made(b"one", 0.5), made(b"one", 0.5, 0.5))
        for _ in range(2):
            world.models.ask(CRAFT, "ann")
            await world.look()
        assert list(world.standings().values()) == [Standing.CHAMPION]
        assert world.serving[CRAFT] == b"one"

    played(story)


def test_where_none_was_before_none_serves(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.models.ask(CRAFT, "ann")
        await world.look()
        assert await world.models.give_back(CRAFT, "", "ann", "") is None
        await world.look()
        assert world.serving[CRAFT] is None

    played(story)


def test_damaged_bytes_never_serve(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path, made(b"one", 0.5), made(b"two", 0.9, 0.5))
        world.models.ask(CRAFT, "ann")
        await world.look()
        damage(tmp_path)
        again = World(tmp_path, made(b"two", 0.1, UNKNOWN), written=world.written)
        await again.look()
        assert again.serving[CRAFT] is None
        assert "not as it was put there" in again.models.faults[CRAFT]
        assert again.log.said == ["model_not_loaded"], "said once, and not tried in every look"
        again.models.ask(CRAFT, "ann")
        await again.look()
        assert again.trainer.orders[0].champion is None
        assert again.serving[CRAFT] == b"two", "who cannot be asked beats nobody"
        assert not again.models.faults
        first = next(iter(again.standings()))
        with pytest.raises(Damaged):
            await again.models.give_back(CRAFT, first, "ann", "")

    played(story)


def test_a_disk_that_did_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(shelf: ModelFolder, address: str) -> bytes:
        raise TryAgain("no answer", 5.0)

    async def story() -> None:
        world = World(tmp_path)
        world.models.ask(CRAFT, "ann")
        await world.look()
        again = World(tmp_path, written=world.written)
        with monkeypatch.context() as for_now:
            for_now.setattr(ModelFolder, "read", hangs)
            await again.look()
        assert "no answer" in again.models.faults[CRAFT]
        await again.look()
        assert again.log.said == ["model_not_loaded"], "not in every look"
        assert again.serving[CRAFT] is None
        again.now_s += LOAD_AGAIN_S
        await again.look()
        assert again.serving[CRAFT] == b"one"
        assert not again.models.faults

    played(story)


def test_who_cannot_be_asked_is_not_followed_by_one_that_knows_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path, made(b"one", 0.5), made(b"two", -0.2))
        world.models.ask(CRAFT, "ann")
        await world.look()
        damage(tmp_path)
        again = World(tmp_path, made(b"two", -0.2), written=world.written)
        again.models.ask(CRAFT, "ann")
        await again.look()
        assert list(again.standings().values()) == [Standing.CHAMPION, Standing.BEATEN]
        assert again.serving[CRAFT] is None

    played(story)


def test_a_model_that_whoever_serves_refuses_does_not_serve(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.refuses[b"one"] = "it was trained on other signals"
        world.models.ask(CRAFT, "ann")
        await world.look()
        assert world.serving[CRAFT] is None
        assert "other signals" in world.models.faults[CRAFT]

    played(story)


def test_a_restart_serves_what_served(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.models.ask(CRAFT, "ann")
        await world.look()
        again = World(tmp_path, written=world.written)
        await again.look()
        assert again.serving[CRAFT] == b"one"
        assert not again.trainer.orders

    played(story)


def test_models_that_nobody_needs_are_swept(tmp_path: Path) -> None:
    async def story() -> None:
        answers = [made(bytes([65 + n]), 0.9 - n / 50, 0.95) for n in range(MODELS_MOST + 3)]
        world = World(tmp_path, *answers)
        for _ in answers:
            world.models.ask(CRAFT, "ann")
            await world.look()
        assert kept_in(tmp_path) == MODELS_MOST
        assert list(world.standings().values()).count(Standing.CHAMPION) == 1

    played(story)
