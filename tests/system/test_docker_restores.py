"""A restore on real containers that is spoilt: an image that goes away, a full disk, a port that
somebody takes, an engine that restarts, Everup killed with SIGKILL. Never a lost container, and the
stack ends in the old state or in the new one, as the journal says.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.counts import count
from tests.docker_engine import BUSYBOX, SOCKET, Docker, call
from tests.ports import free_port
from tests.system.own_engine import OwnEngine
from tests.system.restore_world import NEEDS, NEW, OLD, RestoreWorld

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

LATEST_S = 12.0
LASTS_S = (1.0, 12.0)
DISK_BYTES = 96 * 1024 * 1024


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
def own(word: str, folder: Path, *, is_small: bool) -> Iterator[tuple[RestoreWorld, OwnEngine]]:
    """On an engine of its own, whose disk may be small."""
    engine = OwnEngine(folder)
    data = folder / "data"
    data.mkdir()
    if is_small:
        options = f"size={DISK_BYTES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(data)], check=True)
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
        if is_small:
            subprocess.run(["umount", "--lazy", str(data)], check=False)


def changed_together(world: RestoreWorld, chance: Random) -> list[str]:
    """Everup has seen all of it well, and somebody has deployed some of it; who that is."""
    for service in NEEDS:
        world.run(service, OLD)
    world.up()
    world.until(lambda: len(_conditions(world)) == len(NEEDS), "Everup has found them")
    names = [*chance.sample(["db", "api", "worker"], chance.randint(1, 2)), "web"]
    world.until(lambda: world.are_kept(), "what runs is kept to go back to")
    for service in names:
        world.run(service, NEW)
    world.until(lambda: world.is_planned(names), "they can go back together")
    return names


def _conditions(world: RestoreWorld) -> dict[str, str]:
    try:
        return world.client.conditions()
    except Exception:  # noqa: BLE001 - it may not listen yet
        return {}


def ends_whole(world: RestoreWorld, restore_id: str, names: list[str]) -> str:
    """Its end is one of two, and what runs is that."""
    world.until(lambda: world.restore(restore_id).get("ending"), "it has ended")
    found = world.restore(restore_id)
    told = [t["error"] for step in found["steps"] for t in step["tries"]]
    assert found["ending"] in ("restored", "put_back"), f"{found['ended_because']}: {told}"
    is_new = found["ending"] == "restored"
    changed = OLD if is_new else NEW
    wanted = {n: changed if n in names else OLD for n in NEEDS}
    try:
        world.until(lambda: world.versions() == wanted, "what runs is what the journal says", 60.0)
    except AssertionError as error:
        raise AssertionError(f"{found['ending']}: {world.versions()}, {found}") from error
    return str(found["ending"])


def killed(docker: Docker, folder: Path, seed: int, chance: Random) -> None:
    """Everup, at a random moment, and once more."""
    with common(docker, f"rk{seed}", folder) as world:
        names = changed_together(world, chance)
        restore_id = world.begin(names)
        for _ in range(2):
            time.sleep(chance.uniform(0.0, LATEST_S / 2))
            world.kill()
            world.up()
        ends_whole(world, restore_id, names)


def without_an_image(docker: Docker, folder: Path, seed: int, chance: Random) -> None:
    """It is removed under all of its names while others go back."""
    with common(docker, f"ri{seed}", folder) as world:
        names = changed_together(world, chance)
        restore_id = world.begin(names)
        time.sleep(chance.uniform(0.0, LATEST_S / 2))
        image = call("image", "inspect", "--format", "{{.Id}}", world.images["web", OLD])
        with suppress(AssertionError):  # it may run already
            call("rmi", "-f", image)
        ends_whole(world, restore_id, names)


def without_its_port(docker: Docker, folder: Path, seed: int, chance: Random) -> None:
    """Somebody else has it by the time that it is wanted back."""
    with common(docker, f"rp{seed}", folder) as world:
        world.web_port = free_port()
        names = changed_together(world, chance)
        docker.run(BUSYBOX, "sleep", "600", options=["-p", f"127.0.0.1:{world.web_port}:9090"])
        restore_id = world.begin(names)
        assert ends_whole(world, restore_id, names) == "put_back"


def engine_restarts(docker: Docker, folder: Path, seed: int, chance: Random) -> None:
    """In the midst of it."""
    with own(f"re{seed}", folder, is_small=False) as (world, engine):
        names = changed_together(world, chance)
        restore_id = world.begin(names)
        time.sleep(chance.uniform(0.0, LATEST_S))
        engine.stop()
        time.sleep(chance.uniform(*LASTS_S) / 2)
        engine.start()
        ends_whole(world, restore_id, names)


def disk_is_full(docker: Docker, folder: Path, seed: int, chance: Random) -> None:
    """For a while."""
    with own(f"rd{seed}", folder, is_small=True) as (world, _):
        names = changed_together(world, chance)
        restore_id = world.begin(names)
        time.sleep(chance.uniform(0.0, LATEST_S / 2))
        fill = folder / "data" / "fill"
        with suppress(OSError), fill.open("wb", buffering=0) as file:
            while file.write(b"x" * 65536) == 65536:
                pass
        time.sleep(chance.uniform(*LASTS_S))
        fill.unlink()
        ends_whole(world, restore_id, names)


Trouble = Callable[[Docker, Path, int, Random], None]
TROUBLES: tuple[Trouble, ...] = (
    killed,
    without_an_image,
    engine_restarts,
    without_its_port,
    disk_is_full,
)


@pytest.mark.parametrize("seed", range(1, count("restore_failures") + 1))
def test_what_is_spoilt_ends_old_or_new(seed: int, docker: Docker, tmp_path: Path) -> None:
    chance = Random(f"restores/{seed}")
    TROUBLES[(seed - 1) % len(TROUBLES)](docker, tmp_path, seed, chance)


def test_an_image_that_is_gone_before_is_refused_by_name(docker: Docker, tmp_path: Path) -> None:
    with common(docker, "rgone", tmp_path) as world:
        names = changed_together(world, Random("gone"))
        image = call("image", "inspect", "--format", "{{.Id}}", world.images["web", OLD])
        call("rmi", "-f", image)
        world.until(lambda: world.plan(names).get("refusals"), "it is refused")
        (refusal,) = world.plan(names)["refusals"]
        assert (refusal["service"], refusal["name"]) == ("web", "image_missing")
        assert world.versions() == {n: NEW if n in names else OLD for n in NEEDS}
