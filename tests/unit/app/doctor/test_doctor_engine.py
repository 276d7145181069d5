"""What the engine says of itself, its clock, and what the kernel lets us see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from everup.app.doctor.clock import judge_clock
from everup.app.doctor.engine_facts import judge_info, judge_version
from everup.app.doctor.findings import State
from everup.app.doctor.reach import judge_reach
from everup.runtimes.docker.accounting import Reach
from everup.runtimes.docker.accounting.hierarchy import Version

GOOD: dict[str, Any] = {
    "Driver": "overlay2",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "Swarm": {"LocalNodeState": "inactive"},
    "LiveRestoreEnabled": True,
    "SecurityOptions": ["name=seccomp,profile=default"],
}
ROOTLESS = {"SecurityOptions": ["name=seccomp", "name=rootless"]}
AT_S = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("changed", "weak", "fix"),
    [
        ({}, "", ""),
        (ROOTLESS, "", ""),
        ({"Driver": "vfs"}, "storage", "/etc/docker/daemon.json"),
        ({"Driver": "vfs", **ROOTLESS}, "storage", "~/.config/docker/daemon.json"),
        ({"Driver": None}, "storage", "overlay2"),
        ({"MemoryLimit": False}, "limits", "cgroup_enable=memory"),
        ({"MemoryLimit": False, **ROOTLESS}, "limits", "Delegate="),
        ({"CgroupDriver": "none"}, "limits", "Delegate="),
        ({"Swarm": {"LocalNodeState": "active"}}, "swarm", "docker swarm leave"),
        ({"LiveRestoreEnabled": False}, "live-restore", "sudo systemctl reload docker"),
        ({"LiveRestoreEnabled": False, **ROOTLESS}, "live-restore", "systemctl --user reload"),
    ],
)
def test_a_description(changed: dict[str, Any], weak: str, fix: str) -> None:
    found = {one.check: one for one in judge_info({**GOOD, **changed})}
    assert [name for name, one in found.items() if one.state is not State.OK] == [weak] * bool(weak)
    if weak:
        assert fix in found[weak].fix


def test_a_description_that_says_nothing_is_still_judged() -> None:
    assert len(list(judge_info({}))) == 5
    assert len(list(judge_info({"Swarm": None, "SecurityOptions": None}))) == 5


def test_swarm_forbids_live_restore() -> None:
    info = {**GOOD, "LiveRestoreEnabled": False, "Swarm": {"LocalNodeState": "active"}}
    found = {one.check: one for one in judge_info(info)}
    assert found["live-restore"].state is State.OK


def test_the_version_that_was_agreed_is_said() -> None:
    finding = judge_version({"Version": "27.1"}, "1.46", "unix:///run/docker.sock")
    assert "27.1" in finding.text
    assert "1.46" in finding.text


@pytest.mark.parametrize(
    ("told", "state", "text"),
    [
        ("2026-01-02T03:04:05.123456789Z", "ok", "agree"),
        ("2026-01-02T03:04:05Z", "ok", "agree"),
        ("2026-01-02T05:04:05.5+02:00", "ok", "agree"),
        ("2026-01-02T03:04:03.1Z", "ok", "agree"),
        ("2026-01-02T03:04:02.9Z", "weak", "2.1 s behind"),
        ("2026-01-02T03:04:08.9Z", "weak", "2.9 s ahead of"),
        ("yesterday", "weak", "does not tell"),
        (None, "weak", "does not tell"),
    ],
)
def test_a_clock(told: str | None, state: str, text: str) -> None:
    finding = judge_clock({"SystemTime": told}, AT_S, AT_S + 1)
    assert finding.state == state
    assert text in finding.text


@pytest.mark.parametrize(
    ("groups", "processes", "state", "text"),
    [
        (True, True, "ok", "v2"),
        (False, True, "weak", "costs it more"),
        (False, False, "weak", "costs it more"),
        (True, False, "weak", "hang are not seen"),
    ],
)
def test_what_is_seen_of_the_kernel(groups: bool, processes: bool, state: str, text: str) -> None:
    fix = "" if groups and processes else "mount it"
    finding = judge_reach(Reach(Version.V2, "systemd", groups, processes, "not there", fix))
    assert finding.state == state
    assert text in finding.text
    assert finding.fix == fix
