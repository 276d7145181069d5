"""Replacing over an engine in memory: only what we made is taken away, and nothing too early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from everup.model.errors import GiveUp, NoAnswer, TryAgain
from everup.runtimes.docker.asides import AWAITED, MOVED, ROOM
from everup.runtimes.docker.blueprint import blueprint_of
from everup.runtimes.docker.containers import ASIDE
from tests.unit.runtimes.docker.fake_engine import Crash, FakeEngine, Hour, Life

WEB = "shop_web_1"
LONG_S = 31.0
PLACES = ("create", "rename", "rename", "stop", "start")
STAGES = [(verb, n) for n, verb in enumerate(PLACES)]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(Hour())


def _replace(life: Life, engine: FakeEngine) -> None:
    old = engine.of(WEB)
    asyncio.run(life.replacer.replace(old, blueprint_of(old, "web"), 5.0))


def _dies(engine: FakeEngine, stage: int, *, is_done: bool) -> None:
    """Everup dies at this call of a replacement, before or after the engine does it."""
    calls = iter(range(len(PLACES)))

    def crash(_: str) -> None:
        if next(calls, -1) == stage:
            engine.before = engine.after = lambda _: None
            raise Crash

    if is_done:
        engine.after = crash
    else:
        engine.before = crash


def _open(life: Life) -> None:
    """What the runtime does when it is opened."""
    asyncio.run(life.replacer.settle_unfinished())


def _said(life: Life) -> str:
    return "; ".join(asyncio.run(life.replacer.settle()))


def _aside(engine: FakeEngine) -> str:
    (name,) = [name for name in engine.names() if name.startswith(ASIDE)]
    return name


def test_the_old_one_goes_when_the_new_one_has_proven_itself(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    _replace(life, engine)
    assert engine.names() == {WEB: "running", _aside(engine): "exited"}
    asyncio.run(life.replacer.tidy())
    assert before in engine.containers, "it has just begun to run"
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert engine.names() == {WEB: "running"}
    assert before not in engine.containers
    labels = engine.of(WEB).labels
    assert not [label for label in labels if label.startswith("everup")], "inspect shows no trace"


@pytest.mark.parametrize("is_done", [True, False], ids=["after", "before"])
@pytest.mark.parametrize(("verb", "stage"), STAGES, ids=[f"{v}{n}" for v, n in STAGES])
def test_killed_at_any_call_one_container_is_left(
    engine: FakeEngine, tmp_path: Path, verb: str, stage: int, is_done: bool
) -> None:
    before = engine.add(WEB)
    _dies(engine, stage, is_done=is_done)
    with pytest.raises(Crash):
        _replace(Life(tmp_path, engine), engine)
    after = Life(tmp_path, engine)
    _open(after)
    assert engine.names()[WEB] == "running"
    has_begun = verb == "start" and is_done
    assert (engine.of(WEB).id == before) is not has_begun
    assert (before in engine.containers) is True, "what is not proven ends nothing"
    engine.clock.now_s += LONG_S
    asyncio.run(after.replacer.tidy())
    engine.clock.now_s += LONG_S
    asyncio.run(after.replacer.tidy())
    assert engine.names() == {WEB: "running"}
    assert not after.store.all(ROOM)
    assert not after.store.all(AWAITED)


@pytest.mark.parametrize("room", [ROOM, MOVED])
def test_a_disk_that_is_full_once_the_new_one_runs_leaves_the_old_one_running(
    engine: FakeEngine, tmp_path: Path, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    put = life.store.put

    def full(into: str, name: str, value: Mapping[str, Any]) -> None:
        if into == room and (into == MOVED or value["is_started"]):
            raise TryAgain("no space left on device")
        put(into, name, value)

    monkeypatch.setattr(life.store, "put", full)
    with pytest.raises(TryAgain):
        _replace(life, engine)
    assert engine.names() == {WEB: "running"}
    assert engine.of(WEB).id == before
    assert not life.store.all(ROOM)
    assert not life.store.all(MOVED)


def test_what_could_not_be_put_back_at_the_time_is_put_back_later(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)

    def refuses(verb: str) -> None:
        if verb in ("start", "remove"):
            raise TryAgain(f"the engine refuses to {verb}")

    engine.before = refuses
    with pytest.raises(TryAgain):
        _replace(life, engine)
    assert engine.of(WEB).id != before, "it is aside, and stopped"
    asyncio.run(life.replacer.tidy())
    assert life.store.all(ROOM), "as long as the engine refuses"
    engine.before = lambda _: None
    asyncio.run(life.replacer.tidy())
    assert engine.names() == {WEB: "running"}
    assert engine.of(WEB).id == before
    assert not life.store.all(ROOM)


@pytest.mark.parametrize("is_done", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_stranger_who_took_the_name_after_a_crash_is_left_alone(
    engine: FakeEngine, tmp_path: Path, stage: int, is_done: bool
) -> None:
    before = engine.add(WEB)
    _dies(engine, stage, is_done=is_done)
    with pytest.raises(Crash):
        _replace(Life(tmp_path, engine), engine)
    if WEB in engine.names():
        engine.take_away(WEB)  # its owner takes the project down, as far as it can be found
    stranger = engine.add(WEB, project="other")
    life = Life(tmp_path, engine)
    _open(life)
    assert engine.of(WEB).id == stranger
    assert engine.names()[WEB] == "running"
    said = _said(life)
    if before in engine.containers:
        ours = _aside(engine)
        assert engine.names()[ours] == "running", "it is all that its service has"
        assert "another container's by now" in said
        assert ours in said
        engine.take_away(WEB)
        _open(life)
        assert engine.of(WEB).id == before, "once the name is free, it has it again"
    else:
        assert "somebody else has removed" in said
    assert not life.store.all(ROOM)
    assert not _said(life)


def test_a_deployment_in_the_midst_of_a_replacement_is_not_undone(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    deployed: list[str] = []

    def deploy(verb: str) -> None:
        if verb == "rename" and not deployed:
            deployed.append(engine.add(WEB))  # between our two renames

    engine.after = deploy
    with pytest.raises(GiveUp, match="another container's by now"):
        _replace(life, engine)
    assert engine.of(WEB).id == deployed[0]
    assert engine.names()[WEB] == "running"
    assert engine.of(_aside(engine)).id == before
    seen = life.replacer.seen([engine.of(before), engine.of(WEB)])
    assert [(c.name, c.id) for c in seen] == [(WEB, deployed[0])]
    old = engine.of(before)
    with pytest.raises(GiveUp, match="is not over"):
        asyncio.run(life.replacer.replace(old, blueprint_of(old, "web"), 5.0))


def test_what_the_engine_makes_for_a_call_that_was_given_up_is_ours(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    made: list[Callable[[], object]] = []

    def slow(verb: str) -> None:
        if verb == "create":
            name = next(iter(life.store.all(ROOM).values()))["made_as"]
            made.append(lambda: engine.add(name))
            raise NoAnswer("no answer")

    engine.before = slow
    with pytest.raises(NoAnswer):
        _replace(life, engine)
    assert engine.names() == {WEB: "running"}
    made[0]()
    engine.of(_aside(engine)).document["State"]["StartedAt"] = "0001-01-01T00:00:00Z"
    engine.end(_aside(engine))
    asyncio.run(life.replacer.tidy())
    assert engine.names() == {WEB: "running"}
    assert engine.of(WEB).id == before
    assert not life.store.all(AWAITED)


def test_other_volumes_than_the_old_ones_put_the_old_one_back(
    engine: FakeEngine, tmp_path: Path
) -> None:
    mount = {"Type": "volume", "Target": "/data"}
    before, life = engine.add(WEB, Mounts=[mount]), Life(tmp_path, engine)
    engine.loses_volumes = True
    with pytest.raises(GiveUp, match="/data would be the volume"):
        _replace(life, engine)
    assert engine.names() == {WEB: "running"}
    assert engine.of(WEB).id == before
    engine.loses_volumes = False
    volumes = [m["Name"] for m in engine.of(WEB).document["Mounts"]]
    _replace(life, engine)
    assert [m["Name"] for m in engine.of(WEB).document["Mounts"]] == volumes


def test_giving_back_leaves_what_is_not_proven_to_the_next_life(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    _replace(life, engine)
    assert "stays aside" in _said(life)
    assert before in engine.containers
    after = Life(tmp_path, engine)
    _open(after)
    assert _aside(engine) in _said(after)
    engine.clock.now_s += LONG_S
    assert "is removed" in _said(after)
    assert engine.names() == {WEB: "running"}
    assert not _said(after)


@pytest.mark.parametrize(
    ("code", "now"), [(1, "running"), (0, "exited"), (143, "exited")], ids=["crash", "0", "stop"]
)
def test_giving_back_does_not_undo_somebodys_stop(
    engine: FakeEngine, tmp_path: Path, code: int, now: str
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    _replace(life, engine)
    engine.end(WEB, code)
    _said(life)
    assert engine.names()[WEB] == now
    assert (engine.of(WEB).id == before) is (code == 1)
    assert before in engine.containers


def test_replaced_twice_the_one_that_ran_stays_until_the_last_is_proven(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    for _ in range(3):
        _replace(life, engine)
    assert engine.of(_aside(engine)).id == before
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert engine.names() == {WEB: "running"}


def test_an_old_one_that_somebody_took_back_is_theirs(engine: FakeEngine, tmp_path: Path) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    _replace(life, engine)
    engine.of(before).document["Name"] = "/mine"  # type: ignore[index]
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert engine.names() == {WEB: "running", "mine": "exited"}
    assert not life.store.all(ROOM)


def test_what_its_owner_deployed_anew_proves_it_too(engine: FakeEngine, tmp_path: Path) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    _replace(life, engine)
    engine.take_away(WEB)
    engine.add(WEB, project="other")
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert before in engine.containers, "a stranger proves nothing"
    engine.take_away(WEB)
    engine.add(WEB)
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert before not in engine.containers


def test_what_was_replaced_has_its_place_again(engine: FakeEngine, tmp_path: Path) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    old = engine.of(WEB)
    _replace(life, engine)
    assert asyncio.run(life.replacer.put_back(old, blueprint_of(old, "web"), 5.0)) == ""
    assert engine.names() == {WEB: "running"}
    assert engine.of(WEB).id == before
    assert not life.store.all(ROOM)


def test_one_made_of_the_same_has_the_place_of_what_has_gone_already(
    engine: FakeEngine, tmp_path: Path
) -> None:
    before, life = engine.add(WEB), Life(tmp_path, engine)
    old = engine.of(WEB)
    _replace(life, engine)
    newer = engine.of(WEB).id
    engine.clock.now_s += LONG_S
    asyncio.run(life.replacer.tidy())
    assert asyncio.run(life.replacer.put_back(old, blueprint_of(old, "web"), 5.0)) == ""
    assert engine.names()[WEB] == "running"
    assert engine.of(WEB).id not in (before, newer)
