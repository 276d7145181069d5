"""Going back on real containers while it is spoilt: an image that goes away, a full disk, a port
that somebody takes, an engine that restarts, Everup killed with SIGKILL at any of its steps. Never
a lost container, and the stack ends in the old state or in the new one, as the journal says.

Four ways back: a set, a snapshot, one service by a person's word, and one that Everup goes back by
itself, since what was deployed never gets well.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from everup.demo.client import NoAnswer
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.kinds import ActionKind
from everup.model.safe_point import FROM, TO
from everup.model.state import StackState
from tests.counts import count
from tests.docker_engine import BUSYBOX, SOCKET, Docker, call
from tests.ports import free_port
from tests.system.own_engine import OwnEngine
from tests.system.restore_world import NEEDS, NEW, OLD, RestoreWorld

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

LATEST_S = 12.0
LASTS_S = (1.0, 12.0)
DISK_BYTES = 96 * 1024 * 1024
STATE_BYTES = 24 * 1024 * 1024
EFFECTS = {"set": 60, "snapshot": 60, "service": 28, "itself": 28}
"""About so many come between the beginning of a way back and its end: see `killed_in_restore`."""
RESTORED, PUT_BACK = "restored", "put_back"
STAYS_S = 4.0


@contextmanager
def common(docker: Docker, word: str, folder: Path) -> Iterator[RestoreWorld]:
    """On the engine that all tests share."""
    world = RestoreWorld(folder, docker.name(word), call, f"unix://{SOCKET}")
    world.options = ("--label", docker.label)
    world.build()
    try:
        yield world
    finally:
        world.close()


@contextmanager
def small(folder: Path, size: int) -> Iterator[None]:
    """A disk of this many bytes is there."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def own(word: str, folder: Path) -> Iterator[tuple[RestoreWorld, OwnEngine]]:
    """On an engine of its own, which may be restarted and filled."""
    engine = OwnEngine(folder)
    try:
        engine.start()
        engine.take_image()
        docker = partial(call, "-H", engine.address)
        world = RestoreWorld(folder, word, docker, engine.address, ("--network", "none"))
        world.build()
        try:
            yield world, engine
        finally:
            with suppress(AssertionError):
                world.close()
    finally:
        engine.close()


def _conditions(world: RestoreWorld) -> dict[str, str]:
    with suppress(NoAnswer):
        return world.client.conditions()
    return {}


@dataclass
class WayBack:
    """One way of going back in one world. `names`: what was deployed, and goes back."""

    kind: str
    world: RestoreWorld
    chance: Random
    names: Sequence[str] = ("web",)
    snapshot: str = ""
    restore_id: str = ""

    def prepare(self) -> None:
        """Everup has seen all of it well and has kept it, and somebody has deployed some of it."""
        world = self.world
        for service in NEEDS:
            world.run(service, OLD)
        world.up()
        world.until(lambda: len(_conditions(world)) == len(NEEDS), "Everup has found them")
        if self.kind in ("set", "snapshot"):
            self.names = [*self.chance.sample(["db", "api", "worker"], self.chance.randint(1, 2))]
            self.names += ["web"]
        world.until(world.are_kept, "what runs is kept to go back to")
        if self.kind == "snapshot":
            self.snapshot = world.take()

    def deploy(self) -> None:
        """In the place of what is there; where Everup is to go back by itself, it is never well."""
        for service in self.names:
            self.world.run(service, NEW, is_well=self.kind != "itself")
        if self.kind in ("set", "snapshot"):
            names, snapshot = self.names, self.snapshot
            self.world.until(
                lambda: self.world.is_planned(names, snapshot), "they can go back together"
            )

    def begin(self) -> None:
        """By whoever it is."""
        if self.kind == "itself":
            self.world.until(lambda: self.world.rollbacks("web"), "Everup goes back")
        elif self.kind == "service":
            self.world.roll_back("web")
        else:
            self.restore_id = self.world.begin(self.names, self.snapshot)

    def is_under_way(self) -> bool:
        """Has it begun, and not ended?"""
        if self.restore_id:
            return self.world.restore(self.restore_id).get("ending", "") is None
        found = self.world.rollbacks("web")
        return bool(found) and found[0]["state"] in ("acting", "verifying")

    def ends_whole(self) -> str:
        """Its end is one of two, and what runs is that; which."""
        ending = self._restore_ends() if self.restore_id else self._rollback_ends()
        changed = OLD if ending == RESTORED else NEW
        wanted = {n: changed if n in self.names else OLD for n in NEEDS}
        world = self.world
        try:
            world.until(lambda: world.versions() == wanted, "what runs is what is said", 60.0)
            time.sleep(STAYS_S)
            assert world.versions() == wanted, "it stays so"
        except AssertionError as error:
            found = world.restore(self.restore_id) or world.rollbacks("web")
            raise AssertionError(f"{ending}: {world.versions()}, {found}\n{error}") from error
        self._journal_says(ending)
        return ending

    def _restore_ends(self) -> str:
        world = self.world
        world.until(lambda: world.restore(self.restore_id).get("ending"), "it has ended")
        found = world.restore(self.restore_id)
        told = [t["error"] for step in found["steps"] for t in step["tries"]]
        assert found["ending"] in (RESTORED, PUT_BACK), f"{found['ended_because']}: {told}"
        return str(found["ending"])

    def _rollback_ends(self) -> str:
        """The last of its tries has ended, and nothing more is tried."""
        last: dict[str, Any] = {}

        def is_over() -> bool:
            found = self.world.rollbacks("web")
            last.update(found[0] if found else {})
            is_ended = bool(found) and last["state"] in ("verified", "failed")
            return is_ended and (self.kind == "service" or self._is_settled(last))

        self.world.until(is_over, "it has ended")
        return RESTORED if last["outcome"] == "done" else PUT_BACK

    def _is_settled(self, last: Mapping[str, Any]) -> bool:
        """What Everup does by itself it tries again, until it has gone back or a person has it."""
        with suppress(NoAnswer):
            states = {one["state"] for one in self.world.client.incidents()}
            is_told = last["outcome"] == "done" or "escalated" in states
            return is_told and states <= {"resolved", "escalated"}
        return False

    def _journal_says(self, ending: str) -> None:
        """Every action has its end in it, and what each service runs from is what it runs from."""
        self.world.kill()
        entries = self.world.entries()
        state = fold_all(StackState(), entries)
        assert state.in_flight == {}
        began = [x.action_id for x in entries if isinstance(x, e.Intended)]
        ended = [x.action_id for x in entries if isinstance(x, e.Finished)]
        assert sorted(began) == sorted(ended)
        for name in self.names:
            frm, to = versions_in(entries, name)
            if frm:
                there = state.service(name).version
                assert there == (to if ending == RESTORED else frm), f"the journal of {name}"


def versions_in(entries: Sequence[e.Entry], service: str) -> tuple[str, str]:
    """From which version to which it was to go; "" where no step was begun."""
    for entry in entries:
        if isinstance(entry, e.RestoreBegan):
            for step in entry.steps:
                if step.service == service:
                    return step.from_version, step.to_version
        elif isinstance(entry, e.Intended) and entry.step.target == service:
            if entry.step.kind is ActionKind.EMERGENCY_ROLLBACK:
                parameters = entry.step.parameters
                return str(parameters[FROM]), str(parameters[TO])
    return "", ""


def killed(docker: Docker, folder: Path, seed: int, chance: Random, kind: str) -> str:
    """Everup, at a step of it, or at a random moment; and once more."""
    with common(docker, f"rk{seed}", folder) as world:
        way = WayBack(kind, world, chance)
        way.prepare()
        is_by_step = chance.random() < 0.75
        if is_by_step:
            first = [str(chance.randint(1, EFFECTS[kind])), chance.choice(("before", "after"))]
            again = [str(chance.randint(1, 25)), f"at-once-{chance.choice(('before', 'after'))}"]
            world.next_lives = [again] if chance.random() < 0.5 else []
            world.kill()
            world.up(first)
        way.deploy()
        way.begin()
        if not is_by_step:
            for _ in range(2):
                time.sleep(chance.uniform(0.0, LATEST_S / 2))
                world.kill()
                world.up()
        ending = way.ends_whole()
        died = folder / "died"
        told = "over before that effect" if is_by_step else "killed by time"
        return f"{ending}, {f'died {died.read_text()}' if died.exists() else told}"


def without_an_image(docker: Docker, folder: Path, seed: int, chance: Random, kind: str) -> str:
    """It is removed under all of its names, before or while it is wanted."""
    with common(docker, f"ri{seed}", folder) as world:
        way = WayBack(kind, world, chance)
        way.prepare()
        way.deploy()
        image = call("image", "inspect", "--format", "{{.Id}}", world.images["web", OLD])
        is_before = kind in ("service", "itself") and chance.random() < 0.8
        if is_before:  # a plan is refused then; these have none
            call("rmi", "-f", image)
        way.begin()
        if not is_before:
            time.sleep(chance.uniform(0.0, LATEST_S / 2))
            with suppress(AssertionError):  # it may run already
                call("rmi", "-f", image)
        return f"{way.ends_whole()}, {'gone' if _is_gone(image) else 'in use'}"


def _is_gone(image: str) -> bool:
    return image not in call("images", "-q", "--no-trunc")


def without_its_port(docker: Docker, folder: Path, seed: int, chance: Random, kind: str) -> str:
    """Somebody else has it by the time that it is wanted back."""
    with common(docker, f"rp{seed}", folder) as world:
        world.web_port = free_port()
        way = WayBack(kind, world, chance)
        way.prepare()
        way.deploy()
        docker.run(BUSYBOX, "sleep", "600", options=["-p", f"127.0.0.1:{world.web_port}:9090"])
        way.begin()
        ending = way.ends_whole()
        assert ending == PUT_BACK
        return ending


def engine_restarts(docker: Docker, folder: Path, seed: int, chance: Random, kind: str) -> str:
    """In the midst of it."""
    with own(f"re{seed}", folder) as (world, engine):
        way = WayBack(kind, world, chance)
        way.prepare()
        way.deploy()
        way.begin()
        time.sleep(chance.uniform(0.0, LATEST_S if len(way.names) > 1 else LATEST_S / 4))
        is_amid = way.is_under_way()
        engine.stop()
        time.sleep(chance.uniform(*LASTS_S) / 2)
        engine.start()
        return f"{way.ends_whole()}, {'amid' if is_amid else 'after'}"


def disk_is_full(docker: Docker, folder: Path, seed: int, chance: Random, kind: str) -> str:
    """For a while: the engine's, Everup's, or both."""
    whose = chance.choice(("engine", "everup", "both"))
    data, state = small(folder / "data", DISK_BYTES), small(folder / "state", STATE_BYTES)
    with data, state, own(f"rd{seed}", folder) as (world, _):
        way = WayBack(kind, world, chance)
        way.prepare()
        way.deploy()
        way.begin()
        time.sleep(chance.uniform(0.0, LATEST_S / 2 if len(way.names) > 1 else 2.0))
        is_amid = way.is_under_way()
        disks = {"engine": ["data"], "everup": ["state"], "both": ["data", "state"]}[whose]
        fills = [folder / disk / "fill" for disk in disks]
        for fill in fills:
            with suppress(OSError), fill.open("wb", buffering=0) as file:
                while file.write(b"x" * 65536) == 65536:
                    pass
        time.sleep(chance.uniform(*LASTS_S))
        for fill in fills:
            fill.unlink()
        return f"{way.ends_whole()}, of {whose}, {'amid' if is_amid else 'after'}"


Trouble = Callable[[Docker, Path, int, Random, str], str]
TROUBLES: tuple[Trouble, ...] = (
    killed,
    without_an_image,
    engine_restarts,
    without_its_port,
    disk_is_full,
)
WAYS = ("set", "service", "snapshot", "itself")


@pytest.mark.parametrize("seed", range(1, count("restore_failures") + 1))
def test_what_is_spoilt_ends_old_or_new(seed: int, docker: Docker, tmp_path: Path) -> None:
    """Every trouble meets every way."""
    chance = Random(f"restores/{seed}")
    trouble, kind = TROUBLES[(seed - 1) % len(TROUBLES)], WAYS[(seed - 1) % len(WAYS)]
    said = trouble(docker, tmp_path, seed, chance, kind)
    print(f"seed {seed}: {trouble.__name__}, {kind}: {said}")


def test_an_image_that_is_gone_before_is_refused_by_name(docker: Docker, tmp_path: Path) -> None:
    with common(docker, "rgone", tmp_path) as world:
        way = WayBack("set", world, Random("gone"))
        way.prepare()
        way.deploy()
        names = way.names
        image = call("image", "inspect", "--format", "{{.Id}}", world.images["web", OLD])
        call("rmi", "-f", image)
        world.until(lambda: world.plan(names).get("refusals"), "it is refused")
        (refusal,) = world.plan(names)["refusals"]
        assert (refusal["service"], refusal["name"]) == ("web", "image_missing")
        assert world.versions() == {n: NEW if n in names else OLD for n in NEEDS}
