"""The control suite, of time: a clock that jumps makes nobody sick, and hides nobody's sickness.

The real Control, journal, probes and processes; only `now()` jumps, as the wall clock may. A
service is paused for a moment when it happens: one that counted by the clock alone would see it
hang for an hour.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import yaml

from everup.app import Engine
from everup.app.live import BootClock
from everup.model.kinds import Condition, InstanceState, ProbeVerdict
from everup.model.observation import InstanceObservation
from tests.system.control_world import recoveries
from tests.system.engine_lab import engine, told
from tests.system.kill_world import small

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PACE = 0.3
HOUR_S = 3600.0
WATCHED_S = 6.0
NAMES = ("paused", "user", "witness")


class JumpingClock(BootClock):
    """The living clock, moved by `ahead_s`."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


def observed(made: Engine, service: str) -> InstanceObservation:
    look = made.control.look
    assert look is not None
    return look.observation.services[service].instances[0]


def are_well(made: Engine) -> bool:
    look = made.control.look
    assert look is not None
    own = look.assessment.own.services
    is_quiet = not made.control.state.in_flight and not made.control.state.by_root()
    return is_quiet and all(own[name].condition is Condition.HEALTHY for name in NAMES)


def is_suspected(made: Engine) -> bool:
    probe = observed(made, "paused").probe
    return probe is not None and probe.verdict is ProbeVerdict.FAIL


def lives(made: Engine) -> dict[str, str]:
    return {name: observed(made, name).instance.identity for name in NAMES}


def pid_of(folder: Path, service: str) -> int:
    return int((folder / f"{service}.starts").read_text("ascii").splitlines()[-1].split()[0])


async def until(made: Engine, is_so: object, within_s: float = 40.0) -> None:
    assert callable(is_so)
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
def test_a_clock_that_jumps(tmp_path: Path, jump_s: float) -> None:
    services = {
        "paused": small(tmp_path, "paused"),
        "user": small(tmp_path, "user", depends_on=["paused"]),
        "witness": small(tmp_path, "witness"),
    }
    text = yaml.safe_dump({"stack": "jumpy", "time_scale": PACE, "services": services})
    clock = JumpingClock()

    async def story() -> None:
        async with engine(tmp_path, text, parts={"clock": clock}) as made:
            await until(made, lambda: are_well(made))
            before, pid = lives(made), pid_of(tmp_path, "paused")
            os.kill(pid, signal.SIGSTOP)
            try:
                await until(made, lambda: is_suspected(made), 10.0)
                clock.ahead_s = jump_s
                await asyncio.sleep(0.7)
            finally:
                os.kill(pid, signal.SIGCONT)
            ends_s = asyncio.get_running_loop().time() + WATCHED_S
            while asyncio.get_running_loop().time() < ends_s:
                assert recoveries(await told(made)) == []
                await asyncio.sleep(0.2)
            await until(made, lambda: are_well(made))
            assert lives(made) == before
            for service, number in (("witness", signal.SIGKILL), ("paused", signal.SIGSTOP)):
                os.kill(pid_of(tmp_path, service), number)
                await until(made, lambda s=service: lives_anew(made, s, before))
            await until(made, lambda: are_well(made))
            acted = [i.step.target for i in recoveries(await told(made))]
            assert acted == ["witness", "paused"]

    asyncio.run(story())


def lives_anew(made: Engine, service: str, before: dict[str, str]) -> bool:
    instance = observed(made, service).instance
    return instance.state is InstanceState.RUNNING and instance.identity != before[service]
