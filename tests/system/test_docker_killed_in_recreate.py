"""Everup is killed with SIGKILL in the midst of a recreate: nothing of the container is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from everup.runtimes.docker import create
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from tests.contract.process_lab import WallClock
from tests.counts import count
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_recreator import settings, stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

STAYS = "trap 'exit 0' TERM; sleep 100000 & wait"
LATEST_S = 3.5


@pytest.mark.parametrize("seed", range(1, count("recreate_kills") + 1))
def test_no_container_name_alias_volume_or_write_is_lost(
    seed: int, docker: Docker, tmp_path: Path
) -> None:
    project, network = docker.name(f"kill{seed}"), docker.network(f"kill{seed}")
    volume, name = docker.volume(f"kill{seed}"), docker.name(f"kill{seed}_web_1")
    labels = [f"{PROJECT}={project}", f"{SERVICE}=web", f"{NUMBER}=1"]
    marks = [part for label in labels for part in ("--label", label)]
    more = ["--network", network, "--network-alias", "shop", "-v", f"{volume}:/data"]
    docker.run(BUSYBOX, "sh", "-c", STAYS, name=name, options=[*marks, *more])

    written = _write_while_it_is_killed(project, name, tmp_path, Random(f"recreate/{seed}"))

    async def settle() -> None:
        runtime = await create(stack(project), tmp_path / "state", WallClock(), settings())
        await asyncio.sleep(2.0)  # what is proven is tidied up
        await runtime.start("web")
        await runtime.close()

    asyncio.run(settle())
    found = call("ps", "-aq", "--filter", f"label={PROJECT}={project}").split()
    assert len(found) == 1, "one container, neither lost nor left over"
    document = docker.inspect(found[0])
    assert document["Name"] == f"/{name}"
    assert document["State"]["Running"]
    assert "shop" in document["NetworkSettings"]["Networks"][network]["Aliases"]
    assert [mount["Name"] for mount in document["Mounts"]] == [volume]
    kept = call("exec", name, "sh", "-c", "cat /data/file 2>/dev/null || true").split()
    lines = list(dict.fromkeys(kept))  # one that was not acknowledged was written once more
    assert lines in (written, [*written, str(len(written))]), "what was acknowledged, in order"
    call("rm", "-f", name)
    call("network", "rm", network)  # the engine has addresses for some thirty of them


def _write_while_it_is_killed(project: str, name: str, folder: Path, chance: Random) -> list[str]:
    """The lines whose writing was acknowledged."""
    command = [sys.executable, "-m", "tests.system.docker_recreator", project]
    process = subprocess.Popen([*command, str(folder / "state")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"ready"
    written: list[str] = []
    ends_s = time.monotonic() + chance.uniform(0.0, LATEST_S)
    while time.monotonic() < ends_s:
        line = str(len(written))
        try:
            call("exec", name, "sh", "-c", f"echo {line} >>/data/file && sync")
        except AssertionError:
            continue  # it is being replaced: it may be written, but nobody was told so
        written.append(line)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    return written
