"""What a service starts with, and what is said when it cannot start."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import InstanceState
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.processes import inherited, procfs
from tests.contract.process_lab import ProcessLab, processes_of, python
from tests.system.process_driver import ROOT
from tests.system.test_processes_outlive import listed, pid_of

pytestmark = pytest.mark.system

TELL = """
import json, os, resource, signal
facts = {
    "session": os.getsid(0) == os.getpid(),
    "files": {n: os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)},
    "open": len(os.listdir("/proc/self/fd")),
    "limit": resource.getrlimit(resource.RLIMIT_NOFILE),
    "user": os.getuid(), "group": os.getgid(), "groups": os.getgroups(),
    "directory": os.getcwd(),
    "env": dict(os.environ),
    "ignored": [n.name for n in signal.valid_signals() if isinstance(n, signal.Signals)
                and signal.getsignal(n) is signal.SIG_IGN],
    "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
}
print(json.dumps(facts), flush=True)
signal.pause()
"""


def lab_of(folder: Path, spec: ServiceSpec) -> ProcessLab:
    return ProcessLab(folder, Stack("starts", {spec.name: spec}))


def told(folder: Path, spec: ServiceSpec) -> Mapping[str, Any]:
    """What the first instance says of itself."""
    lab = lab_of(folder, spec)
    said: list[str] = []

    async def story() -> None:
        runtime = await lab.open()
        await runtime.start("it")
        for _ in range(1000):
            said[:] = await runtime.logs("it", "it-0", lines=100)
            if said:
                return
            await asyncio.sleep(0.01)

    lab.run(story())
    facts: Mapping[str, Any] = json.loads(said[-1])
    return facts


def test_a_service_has_a_life_of_its_own(tmp_path: Path) -> None:
    spec = ServiceSpec(
        "it", python(TELL), directory=str(tmp_path), env={"COLOUR": "green"}, port=4000
    )
    facts = told(tmp_path, spec)
    assert facts["session"]
    log = str((tmp_path / "state/output/it-0.log").resolve())
    assert facts["files"] == {"0": "/dev/null", "1": log, "2": log}
    assert facts["open"] == 4, "nothing of ours is open in it, but the folder that it reads"
    assert facts["directory"] == str(tmp_path)
    assert facts["blocked"] == []
    assert set(facts["ignored"]) <= {"SIGPIPE", "SIGXFSZ"}, "Python itself ignores these two"
    env = facts["env"]
    assert (env["COLOUR"], env["PORT"]) == ("green", "4000")
    assert (env["EVERUP_SERVICE"], env["EVERUP_INSTANCE"]) == ("it", "it-0")
    assert env["EVERUP_MARK"].startswith("starts/it/0/")
    assert env["PATH"] == os.environ["PATH"]


def test_everups_own_lowered_limit_is_not_inherited(tmp_path: Path) -> None:
    at_start = inherited.AT_START.limits[resource.RLIMIT_NOFILE]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = max(map(int, os.listdir("/proc/self/fd"))) + 128
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowered, before[1]))
    try:
        facts = told(tmp_path, ServiceSpec("it", python(TELL)))
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (lowered, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert tuple(facts["limit"]) == at_start


def test_services_start_although_everup_has_no_file_left(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, ServiceSpec("it", ("sleep", "1000")))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> None:
        runtime = await lab.open()
        await runtime.list()
        most = max(map(int, os.listdir("/proc/self/fd"))) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16), before[1]))
        try:
            await runtime.start("it")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert (await listed(runtime))["it-0"].state is InstanceState.RUNNING

    lab.run(story())


def test_signals_that_everup_ignores_are_not_ignored_by_services(tmp_path: Path) -> None:
    """As under nohup, or in the background of a script."""
    script = f"""
import asyncio
from pathlib import Path
from everup.model.stack import ServiceSpec, Stack
from tests.contract.process_lab import ProcessLab
from tests.system.test_processes_starts import TELL, told
from tests.contract.process_lab import python
facts = told(Path({str(tmp_path)!r}), ServiceSpec("it", python(TELL)))
print(facts["ignored"])
"""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        ["sh", "-c", 'trap "" HUP INT QUIT USR1; exec "$@"', "sh", sys.executable, "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not {"SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1"}.intersection(eval(done.stdout))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ()}, ("command", "declare")),
        ({"command": ("no-such-program-here",)}, ("command", "no-such-program-here", "PATH")),
        ({"command": ("/no/such/file",)}, ("command", "/no/such/file", "correct")),
        ({"command": ("/etc/passwd",)}, ("command", "/etc/passwd", "execut")),
        ({"directory": "/no/such/folder"}, ("directory", "/no/such/folder", "create")),
        ({"directory": "/etc/passwd"}, ("directory", "/etc/passwd", "no directory")),
        ({"user": "no-such-user"}, ("user", "no-such-user", "create")),
        ({"user": "root:no-such-group"}, ("user", "no-such-group", "create")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_start_says_field_value_and_fix(
    tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    spec = ServiceSpec(**{"name": "it", "command": ("sleep", "1000"), **changes})
    lab = lab_of(tmp_path, spec)

    async def story() -> None:
        runtime = await lab.open()
        with pytest.raises(GiveUp) as refused:
            await runtime.start("it")
        assert "it" in str(refused.value)
        assert all(word in str(refused.value) for word in words), str(refused.value)
        assert await listed(runtime) == {}, "nothing was started, nothing is listed"

    lab.run(story())


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF but not really")
    program.chmod(0o755)
    lab = lab_of(tmp_path, ServiceSpec("it", (str(program),)))

    async def story() -> None:
        runtime = await lab.open()
        with pytest.raises(GiveUp, match="cannot be executed"):
            await runtime.start("it")
        assert await listed(runtime) == {}

    lab.run(story())


def test_restart_refuses_before_it_stops(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    lab = lab_of(tmp_path, ServiceSpec("it", (str(program),)))

    async def story() -> None:
        runtime = await lab.open()
        await runtime.start("it")
        before = (await listed(runtime))["it-0"]
        program.unlink()
        with pytest.raises(GiveUp, match="correct the path"):
            await runtime.restart("it", grace_s=5.0)
        after = (await listed(runtime))["it-0"]
        assert (after.identity, after.state) == (before.identity, InstanceState.RUNNING)

    lab.run(story())


def test_a_full_or_readonly_state_folder_starts_nothing(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, ServiceSpec("it", ("sleep", "1000")))

    async def story() -> None:
        runtime = await lab.open()
        instances = lab.state_dir / "instances"
        instances.rename(lab.state_dir / "elsewhere")
        with pytest.raises(TryAgain, match="not started"):
            await runtime.start("it")
        assert await listed(runtime) == {}
        assert processes_of(lab.state_dir) == {}
        (lab.state_dir / "elsewhere").rename(instances)
        await runtime.start("it")
        assert len(await listed(runtime)) == 1

    lab.run(story())


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, ServiceSpec("it", ("sleep", "1000")))
    lab.state_dir.write_text("in the way")

    async def story() -> None:
        with pytest.raises(GiveUp, match="state_dir"):
            await lab.open()

    asyncio.run(story())


def test_another_account_is_used_or_refused(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    tmp_path.chmod(0o755)
    spec = ServiceSpec("it", ("sleep", "1000"), user="nobody", directory="/")
    if os.geteuid() != 0:
        lab = lab_of(tmp_path, spec)

        async def refused() -> None:
            with pytest.raises(GiveUp, match="needs Everup to run as root"):
                await (await lab.open()).start("it")

        lab.run(refused())
        return
    lab = lab_of(tmp_path, spec)

    async def story() -> None:
        runtime = await lab.open()
        await runtime.start("it")
        pid = pid_of((await listed(runtime))["it-0"])
        status = (procfs.read_bytes(f"/proc/{pid}/status") or b"").decode()
        rows = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert rows["Uid"].split() == [str(nobody.pw_uid)] * 4
        assert rows["Gid"].split() == [str(nobody.pw_gid)] * 4
        for _ in range(500):  # it may be so young that its environment is not readable yet
            home = procfs.read_variable(pid, "HOME")
            if home is not None:
                break
            await asyncio.sleep(0.01)
        assert home == nobody.pw_dir
        await runtime.stop("it", grace_s=5.0, may_kill=False)
        assert (await listed(runtime))["it-0"].state is InstanceState.EXITED

    lab.run(story())
