"""A real redis-server shows its title over its own environment, where our mark was: it is adopted
all the same, by registry and start time, and its death and its stop are its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from everup.demo.stack.servers.redis import prepare_redis
from everup.model.kinds import InstanceState
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import MARK
from tests.contract.process_lab import ProcessLab
from tests.ports import free_port
from tests.system.process_driver import controller, stack_of
from tests.system.test_processes_identity import rewrite
from tests.system.test_processes_outlive import listed, pid_of

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("real_servers"),
]


def redis_in(folder: Path) -> tuple[ProcessLab, list[str]]:
    command = prepare_redis(folder, free_port()).command
    return ProcessLab(folder, stack_of({"redis": command})), command


def left_running(lab: ProcessLab, command: list[str]) -> int:
    """A server whose controller was killed once its environment is gone."""
    with controller(lab.state_dir, {"redis": command}, "redis"):
        (path,) = (lab.state_dir / "instances").glob("*.json")
        pid = int(path.read_text().split('"pid": ')[1].split(",")[0])
        ends_s = time.monotonic() + 10
        while procfs.read_variable(pid, MARK) is not None:
            assert time.monotonic() < ends_s, "its environment is still there"
            time.sleep(0.02)
    return pid


@pytest.mark.parametrize("stage", ["running", "starting"])
def test_a_redis_without_its_mark_is_adopted(tmp_path: Path, stage: str) -> None:
    lab, command = redis_in(tmp_path)
    pid = left_running(lab, command)
    if stage == "starting":
        rewrite(lab, stage="starting", pid=0, start_ticks=0, started_at_s=None)

    async def story() -> None:
        runtime = await lab.open()
        found = (await listed(runtime))["redis-0"]
        assert (pid_of(found), found.state) == (pid, InstanceState.RUNNING)
        await runtime.start("redis")
        assert pid_of((await listed(runtime))["redis-0"]) == pid, "it must not be started twice"
        await runtime.restart("redis", grace_s=5.0, may_kill=False)
        after = (await listed(runtime))["redis-0"]
        assert after.state is InstanceState.RUNNING
        assert pid_of(after) != pid
        stat = procfs.read_stat(pid)
        assert stat is None or stat.state in procfs.GONE_STATES

    lab.run(story())
