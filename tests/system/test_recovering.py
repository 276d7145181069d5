"""What is coming is left alone, on real processes: a long replay behind a check that says no."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.kinds import Cause, Condition
from tests.system.database_servers import postgres_home, running, wait_until
from tests.system.engine_lab import engine, own_actions, told
from tests.system.test_database_probes import PASS, RECOVERING, pg, verdict

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PACE = 0.1
REPLAY = """
import sys, time
from pathlib import Path
mark, lasts_s = Path(sys.argv[1]), float(sys.argv[2])
until_s = time.monotonic() + lasts_s
while time.monotonic() < until_s:
    sum(range(1000))
    time.sleep(0.001)
mark.touch()
time.sleep(3600)
"""


async def until(made: Engine, condition: Condition, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while True:
            look = made.control.look
            if look is not None and look.assessment.own.services["db"].condition is condition:
                return
            await asyncio.sleep(0.05)


def test_a_replay_of_90_s_behind_a_check_that_says_no_is_left_alone(tmp_path: Path) -> None:
    """At a tenth of the time: a start has 6 s, and a sick database would be restarted at 6 s."""
    (tmp_path / "replay.py").write_text(REPLAY)
    text = f"""
stack: trap
time_scale: {PACE}
services:
  db:
    command: [python3, {tmp_path}/replay.py, {tmp_path}/there, "9"]
    stateful: true
    probe: {{exec: "test -e {tmp_path}/there"}}
"""

    async def story() -> None:
        async with engine(tmp_path, text) as made:
            await until(made, Condition.RECOVERING, 10.0)
            await until(made, Condition.HEALTHY, 20.0)
            entries = await told(made)
            assert await own_actions(made) == []
            assert not [entry for entry in entries if isinstance(entry, e.IncidentOpened)]
            came = [entry for entry in entries if isinstance(entry, e.CameUp)]
            assert [entry.service for entry in came] == ["db"]
            assert 8.0 <= came[0].took_s <= 14.0

    asyncio.run(story())


def test_a_database_that_never_comes_is_handed_to_a_person_and_never_restarted(
    tmp_path: Path, free_port: int
) -> None:
    with postgres_home(tmp_path / "stack", free_port) as home:
        replica = ("wal_level=replica", "max_wal_senders=2")
        with running(pg(home, *replica), user=home.user) as server:
            wait_until(lambda: verdict(home) is PASS)
            server.send_signal(signal.SIGTERM)
            server.wait(20)
        (home.data / "standby.signal").touch()
        os.chmod(home.data / "standby.signal", 0o644)
        command = [*pg(home, *replica), "-c", "hot_standby=off"]
        text = f"""
stack: trap
time_scale: {PACE}
services:
  db:
    command: {command}
    user: {home.user or "null"}
    directory: {home.home}
    probe: {{postgres: "127.0.0.1:{free_port}"}}
    recovery_most_s: 80
    stop: {{signal: SIGINT}}
"""
        if home.user is None:
            text = text.replace("    user: null\n", "")

        async def story() -> None:
            async with engine(tmp_path, text) as made:
                async with asyncio.timeout(30.0):
                    while made.control.state.service("db").with_a_person is None:
                        await asyncio.sleep(0.1)
                assert verdict_of(made) is RECOVERING
                assert await own_actions(made) == []
                case = [x for x in await told(made) if isinstance(x, e.IncidentEscalated)]
                opened = [x for x in await told(made) if isinstance(x, e.IncidentOpened)]
                assert [x.cause for x in opened] == [Cause.RECOVERING]
                assert "57P03" in case[0].case

        asyncio.run(story())


def verdict_of(made: Engine) -> object:
    look = made.control.look
    assert look is not None
    probe = look.observation.services["db"].instances[0].probe
    assert probe is not None
    return probe.verdict
