"""The copy has what makes the service, and nothing that reaches beyond it; marks say who lives."""

from __future__ import annotations

import os
import time
from typing import Any

from everup.runtimes.docker.containers import OWN, PROJECT, REHEARSAL
from everup.runtimes.docker.rehearsal import can_be_copied, copy_of, stand_in_of
from everup.runtimes.docker.rehearsal.copy import SICK, Names
from everup.runtimes.docker.rehearsal.marks import is_over, new_mark, token_of
from everup.runtimes.docker.rehearsal.stage import patience

NAMES = Names("everup-try-abc", "web", "everup-try-abc", "mark")
SECOND = 1_000_000_000


def owners(**host: Any) -> dict[str, Any]:
    return {
        "Image": "sha256:1",
        "Config": {
            "Image": "web:latest",
            "Env": ["A=1"],
            "Cmd": ["serve"],
            "User": "app",
            "StopSignal": "SIGQUIT",
            "Labels": {PROJECT: "shop", "everup.freeze": "yes", "traefik.enable": "true"},
            "Healthcheck": {"Test": ["CMD", "ask", "a b"], "Interval": 5 * SECOND},
        },
        "HostConfig": {
            "Binds": ["/srv:/srv"],
            "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
            "NetworkMode": "shop_default",
            "RestartPolicy": {"Name": "always"},
            "Memory": 64 << 20,
            "PidMode": "host",
            "ExtraHosts": ["db:10.0.0.1"],
            **host,
        },
        "Mounts": [
            {"Type": "bind", "Destination": "/srv", "RW": True},
            {"Type": "volume", "Destination": "/data", "RW": True},
            {"Type": "bind", "Destination": "/etc/web.conf", "RW": False},
        ],
    }


def test_nothing_of_the_copy_reaches_beyond_it() -> None:
    body = copy_of(owners(), NAMES, can_be_sick=False, has_init=False)
    host = body["HostConfig"]
    for name in ("Binds", "Mounts", "PortBindings", "PidMode", "ExtraHosts", "Privileged"):
        assert name not in host
    assert host["NetworkMode"] == NAMES.network
    assert set(host["Tmpfs"]) == {"/srv", "/data", SICK}
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    assert body["Labels"][OWN] == "true"
    assert body["Labels"][REHEARSAL] == "mark"
    assert body["Labels"][PROJECT] == NAMES.project
    assert "traefik.enable" not in body["Labels"]


def test_the_copy_is_made_of_the_image_that_runs_and_keeps_command_check_and_limit() -> None:
    body = copy_of(owners(), NAMES, can_be_sick=False, has_init=True)
    assert body["Image"] == "sha256:1"
    assert (body["Cmd"], body["User"], body["StopSignal"]) == (["serve"], "app", "SIGQUIT")
    assert body["Healthcheck"] == owners()["Config"]["Healthcheck"]
    assert body["HostConfig"]["Memory"] == 64 << 20
    assert body["HostConfig"]["Init"] is True


def test_a_check_that_can_be_made_to_fail_runs_the_owners_own() -> None:
    body = copy_of(owners(), NAMES, can_be_sick=True, has_init=False)
    kind, line = body["Healthcheck"]["Test"]
    assert kind == "CMD-SHELL"
    assert line.startswith(f"test ! -e {SICK}/sick && {{ ask 'a b'")


def test_a_stand_in_has_a_check_only_where_the_owner_has_one() -> None:
    assert stand_in_of(owners(), NAMES)["Healthcheck"]["Interval"] == 5 * SECOND
    assert "trap 'exit 0' QUIT TERM" in stand_in_of(owners(), NAMES)["Cmd"][0]
    bare = owners()
    del bare["Config"]["Healthcheck"]
    assert "Healthcheck" not in stand_in_of(bare, NAMES)


def test_who_may_reach_into_the_host_is_not_copied() -> None:
    assert can_be_copied(owners()) == ""
    assert "privileges" in can_be_copied(owners(Privileged=True))
    assert "not its own" in can_be_copied(owners(NetworkMode="container:1"))
    assert "rights" in can_be_copied(owners(CapAdd=["NET_ADMIN"]))


def test_a_mark_is_over_with_its_process_or_its_time() -> None:
    mark, now_s = new_mark(), time.time()
    assert not is_over(mark, now_s)
    assert is_over(mark, now_s + 3600)
    host, boot, pid, start, until, token = mark.split("|")
    assert int(pid) == os.getpid()
    assert is_over("|".join([host, boot, pid, "1", until, token]), now_s)
    assert is_over("|".join([host, "another", pid, start, until, token]), now_s)
    assert not is_over("|".join(["elsewhere", "another", "1", "1", until, token]), now_s)
    assert is_over("nonsense", now_s)
    assert token_of(mark) == token


def test_patience_is_the_owners_and_bounded() -> None:
    check = {"Interval": 2 * SECOND, "Timeout": SECOND, "Retries": 3, "StartPeriod": 5 * SECOND}
    assert patience(check) == 5 + 9 + 15
    assert patience({}) == 150
