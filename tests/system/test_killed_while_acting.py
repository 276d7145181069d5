"""Everup is killed with SIGKILL while it acts, on real processes, and started again.

Whatever the moment: the services live on with the same pid unless the action itself replaced them,
they are adopted, every intent gets its outcome and its verdict, nothing is restarted twice, the
chain of the journal is whole, and the stack ends healthy.
"""

from __future__ import annotations

import random
import signal
import time

import pytest

from everup.runtimes.processes import procfs
from tests.counts import count
from tests.system.kill_world import SERVICES, World, check_journal

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

ACTION_LASTS_S = 5.0
"""From a fault to well past the verdict: detection, stop, start, proof."""


def hurt(world: World, fault: str, service: str) -> None:
    """Make Everup act on this service, once."""
    if fault == "restart":
        world.restart(service)
    else:
        world.hurt(service, signal.SIGKILL if fault == "crash" else signal.SIGSTOP)


def check(world: World, service: str, before: dict[str, int], *, least: int) -> None:
    """The world after the second life of Everup has come to rest."""
    after = world.pids()
    untouched = SERVICES.keys() - {service}
    assert {n: after[n] for n in untouched} == {n: before[n] for n in untouched}
    assert all(len(world.starts(name)) == 1 for name in untouched), "nothing else was touched"
    starts = len(world.starts(service)) - 1
    assert least <= starts <= 1, f"{service} was started {starts} times more\n{world.story()}"
    assert set(world.alive()) == set(after.values()), "one process for each service, no more"
    check_journal(world.end())


@pytest.mark.parametrize(
    ("point", "fault", "service", "least"),
    [
        ("before the intent", "restart", "worker", 0),
        ("after the intent", "restart", "worker", 0),
        ("in the grace", "restart", "worker", 1),
        ("stopped", "restart", "worker", 1),
        ("executed", "restart", "worker", 1),
        ("started", "restart", "api", 1),
        ("before the outcome", "restart", "api", 1),
        ("verifying", "restart", "worker", 1),
        ("after the intent", "crash", "api", 1),
        ("executed", "crash", "worker", 1),
        ("after the outcome", "crash", "store", 1),
        ("after the verdict", "crash", "web", 1),
        ("after the intent", "hang", "store", 1),
        ("in the grace", "hang", "api", 1),
    ],
)
def test_killed_at_a_point(world: World, point: str, fault: str, service: str, least: int) -> None:
    world.up(point)
    world.until_calm()
    before = world.pids()
    hurt(world, fault, service)
    world.wait_until_dead()
    assert all(_lives(before[name]) for name in SERVICES.keys() - {service})
    world.up()
    world.until_started(service, 1 + least)
    world.until_calm()
    check(world, service, before, least=least)


def test_what_was_taken_down_is_started_again_in_observe_mode_too(world: World) -> None:
    world.up("stopped", mode="observe")
    world.until_calm()
    before = world.pids()
    world.restart("web")
    world.wait_until_dead()
    assert not _lives(before["web"])
    world.up(mode="observe")
    world.until_calm()
    check(world, "web", before, least=1)


@pytest.mark.parametrize("seed", range(count("kills")))
def test_killed_at_a_random_instant(world: World, seed: int) -> None:
    chance = random.Random(seed)
    fault = chance.choice(["restart", "crash", "hang"])
    service = chance.choice(sorted(SERVICES))
    follows_intent = chance.random() < 0.5
    after_s = chance.uniform(0.0, ACTION_LASTS_S / (2 if follows_intent else 1))
    print(f"seed {seed}: {fault} of {service}, {after_s:.3f} s, {follows_intent=}")
    world.up()
    world.until_calm()
    before = world.pids()
    hurt(world, fault, service)
    if follows_intent:
        world.until_phase(service, "acting", "verifying")
    time.sleep(after_s)
    world.kill()
    world.up()
    if fault != "restart":
        world.until_started(service, 2)
    world.until_calm()
    check(world, service, before, least=0 if fault == "restart" else 1)


def _lives(pid: int) -> bool:
    stat = procfs.read_stat(pid)
    return stat is not None and stat.state not in procfs.GONE_STATES
