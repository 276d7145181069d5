"""The control suite: what looks sick and is not. Any action is wrong, and a real fault is healed.

Each story runs the real `everup up --mode auto` over real processes. Clocks that jump stand in
`test_controls_of_time`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from everup.demo.stack.servers.postgres import PreparedPostgres
from everup.model import entries as e
from tests.ports import free_port
from tests.system.control_world import ControlWorld, signal_all
from tests.system.database_servers import postgres_home, psql, redis_server, running, wait_until
from tests.system.kill_world import small
from tests.system.test_busy import tell
from tests.system.test_database_probes import PASS, pg, verdict

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

Make = Callable[..., ControlWorld]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(services: dict[str, dict[str, Any]], time_scale: float) -> ControlWorld:
            world = ControlWorld(tmp_path, services, time_scale)
            stack.callback(world.close)
            return world

        yield made


REPLAY_S = 26.0
ARCHIVE = """#!/bin/sh
# Fetches slowly, and works for it; in the end there is nothing more.
ends=$(( $(date +%s) + {lasts_s:.0f} ))
while [ $(date +%s) -lt $ends ]; do cat "$0" > /dev/null; sleep 0.05; done
exit 1
"""


def to_be_replayed(home: PreparedPostgres, archive: Path) -> list[str]:
    """The command of a server that was killed with its log full, and has an archive to read."""
    options = ("wal_level=replica", "max_wal_senders=2", "checkpoint_timeout=1h", "fsync=off")
    with running(pg(home, *options), user=home.user) as server:
        wait_until(lambda: verdict(home) is PASS)
        many = "INSERT INTO memories (text) SELECT repeat('x', 300) FROM generate_series(1, 20000)"
        subprocess.run(psql(home, many), check=True, timeout=60)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)
    (home.data / "postmaster.pid").unlink(missing_ok=True)
    (home.data / "recovery.signal").touch()
    os.chmod(home.data / "recovery.signal", 0o644)
    archive.write_text(ARCHIVE.format(lasts_s=REPLAY_S))
    archive.chmod(0o755)
    return pg(home, *options, f"restore_command=sh {archive}")


def test_a_database_that_replays_its_log_behind_a_check_that_says_no(
    tmp_path: Path, free_port: int, make: Make
) -> None:
    """At a tenth of the time: a start has 6 s, `up` sees it fail after 16, it lasts 26."""
    with postgres_home(tmp_path / "stack", free_port) as home:
        ask = psql(home)
        db = {
            "command": to_be_replayed(home, home.home / "archive.sh"),
            "directory": str(home.home),
            "stateful": True,
            "probe": {"exec": ["sh", "-c", '"$@" > /dev/null 2>&1', "ask", *ask]},
            "stop": {"signal": "SIGINT"},
            **({"user": home.user} if home.user else {}),
        }
        world = make({"db": db}, 0.1)
        world.up()
        world.watch_until(lambda: world.condition("db") == "recovering", 30.0, "it recovers")
        lives = world.lives()
        world.watch_until(lambda: world.condition("db") == "healthy", 60.0, "it is there")
        entries = world.end_untouched(lives)
        assert "it is coming and left alone" in world.said["db"]["recovering"]
        took = [x.took_s for x in entries if isinstance(x, e.CameUp) and x.service == "db"]
        assert len(took) == 1
        assert took[0] > REPLAY_S - 2


def test_a_database_that_is_busy_with_its_snapshot(tmp_path: Path, make: Make) -> None:
    """At a tenth of the time: sick for 9 s is a minute and a half, and it saves all the while."""
    port, sick = free_port(), tmp_path / "sick"
    slow = ["--port", str(port), "--dir", str(tmp_path), "--rdb-key-save-delay", "150000"]
    store = {
        "command": [*redis_server(), *slow],
        "probe": {"exec": ["test", "!", "-e", str(sick)]},
    }
    world = make({"store": store, "api": small(tmp_path, "api", depends_on=["store"])}, 0.1)
    world.up()
    lives = world.settled_lives()
    for number in range(100):
        assert tell(port, "SET", f"k{number}", "v") == b"+OK\r\n"
    assert tell(port, "BGSAVE").startswith(b"+")
    sick.touch()
    world.watch(9.0)
    sick.unlink()
    world.end_untouched(lives)
    assert "saves a snapshot" in world.said["store"]["busy"]


def test_what_was_stopped_on_purpose_is_not_healed(tmp_path: Path, make: Make) -> None:
    """By `everup stop`, also over the end of Everup and its next start; and from outside while no
    Everup ran. The latter runs again, since `everup up` is a person's word that it should: no
    healer had a part in it."""
    world = make({"base": small(tmp_path, "base"), "web": small(tmp_path, "web")}, 0.2)
    world.up()
    world.until_calm()
    world.client.post("/services/base/stop")
    world.settled_lives(("base",))
    world.watch(2.0)
    assert world.said["base"]["stopped_on_purpose"].startswith("stopped on purpose by")
    world.kill()
    world.hurt("web", signal.SIGTERM)
    wait_until(lambda: world.starts("web")[-1].pid not in world.alive())
    world.up()
    world.until_started("web", 2)
    lives = world.settled_lives(("base",))
    world.watch(2.0)
    entries = world.end_untouched(lives, ("base",))
    assert (len(world.starts("base")), len(world.starts("web"))) == (1, 2)
    by = [x.by for x in entries if isinstance(x, e.Intended) and x.step.target == "web"]
    assert by == ["everup up", "everup up"]


def test_a_one_shot_that_ends_with_0(tmp_path: Path, make: Make) -> None:
    task = {"command": ["sh", "-c", f"echo $$ >> {tmp_path}/runs; sleep 1"], "one_shot": True}
    world = make({"task": task, "web": small(tmp_path, "web", depends_on=["task"])}, 0.1)
    world.up()
    lives = world.settled_lives()
    world.watch(5.0)
    entries = world.end_untouched(lives)
    assert len((tmp_path / "runs").read_text().split()) == 1
    assert not [x for x in entries if isinstance(x, e.IncidentOpened) and x.service == "task"]


def test_a_pause_of_6_s(tmp_path: Path, make: Make) -> None:
    """In real time: a collector that stops the world for less than what proves a hang."""
    pausing = small(tmp_path, "pausing")
    pausing["probe"]["interval_s"] = 1.0
    world = make({"pausing": pausing, "user": small(tmp_path, "user", depends_on=["pausing"])}, 1.0)
    world.up()
    lives = world.settled_lives()
    world.hurt("pausing", signal.SIGSTOP)
    try:
        world.watch(6.0)
    finally:
        world.hurt("pausing", signal.SIGCONT)
    world.watch(6.0)
    world.end_untouched(lives)
    told = [text for text in world.ever_said if "pausing-0" in text]
    assert any("its process is in state T" in text for text in told), told


STARVED_S = 32.0
BURN = "import time; ends_s = time.monotonic() + 90.0\nwhile time.monotonic() < ends_s: pass"


def put(pid: int, core: int, nice: int) -> None:
    """Onto this core, and behind others; where sessions share the processor, its session too."""
    os.sched_setaffinity(pid, {core})
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    os.setpriority(os.PRIO_PROCESS, pid, nice)


def test_a_service_that_is_starved_of_cpu(tmp_path: Path, make: Make) -> None:
    """At two fifths of the time: a busy one is believed to be sick after 24 s of silence, which
    other tests on this machine must not add up to."""
    heavy = small(tmp_path, "heavy")
    heavy["command"].append("0.1")
    world = make({"heavy": heavy, "user": small(tmp_path, "user", depends_on=["heavy"])}, 0.4)
    world.up()
    lives = world.settled_lives()
    pid, core = world.starts("heavy")[-1].pid, max(os.sched_getaffinity(0))
    burn = [sys.executable, "-S", "-c", BURN]
    burners = [subprocess.Popen(burn, start_new_session=True) for _ in range(3)]
    try:
        for burner in burners:
            put(burner.pid, core, 10)
        put(pid, core, 19)
        world.watch(STARVED_S)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait(10)
        with suppress(PermissionError):  # only root may take it back
            put(pid, core, 0)
    world.end_untouched(lives)
    assert "no answer within 1 s" in world.said["heavy"]["not_confirmed"]
    assert "a late answer proves nothing" in world.said["heavy"]["not_confirmed"]


def test_an_everup_that_was_held_up_while_a_service_paused(tmp_path: Path, make: Make) -> None:
    """What was last seen may be over: it lasted until then, not until now."""
    pausing = small(tmp_path, "pausing")
    world = make({"pausing": pausing}, 0.3)
    world.up()
    lives = world.settled_lives()
    world.hurt("pausing", signal.SIGSTOP)
    world.watch_until(lambda: "pausing" in world.said, 20.0, "it is suspected")
    signal_all([world.pid], signal.SIGSTOP)
    world.hurt("pausing", signal.SIGCONT)
    time.sleep(4.0)
    signal_all([world.pid], signal.SIGCONT)
    world.watch(3.0)
    world.end_untouched(lives)


def test_a_suspend_of_the_whole_machine(tmp_path: Path, make: Make) -> None:
    """At a tenth of the time, stopped for more than three ticks; Everup wakes up first."""
    services = {"base": small(tmp_path, "base", stateful=True)}
    services["user"] = small(tmp_path, "user", depends_on=["base"])
    world = make(services, 0.1)
    world.up()
    lives = world.settled_lives()
    ours, theirs = [world.pid], list(world.alive())
    signal_all([*theirs, *ours], signal.SIGSTOP)
    try:
        time.sleep(10.0)
    finally:
        signal_all(ours, signal.SIGCONT)
        time.sleep(0.3)
        signal_all(theirs, signal.SIGCONT)
    world.watch(5.0)
    world.end_untouched(lives)
