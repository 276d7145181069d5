"""The way to the engine: may we use the socket, and if not, which command lets us in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.app.doctor.access import Socket, judge_remote, judge_socket
from everup.app.doctor.engine_facts import judge_silence
from everup.app.doctor.findings import State
from everup.model.errors import GiveUp, TryAgain

OURS = Socket(
    "/run/docker.sock", group="docker", group_id=998, user="ann", user_id=1000, is_in_group=True
)
CLOSED = replace(OURS, may_use=False, is_in_group=False)


@pytest.mark.parametrize(
    ("seen", "state", "text", "fix"),
    [
        (OURS, "ok", "ann is in its group docker", ""),
        (replace(OURS, user_id=0), "ok", "we are root", ""),
        (replace(OURS, is_in_group=False), "ok", "its owner, or everybody", ""),
        (CLOSED, "wrong", "not be used by ann", "sudo usermod -aG docker ann, then log in again"),
        (replace(CLOSED, user="a b"), "wrong", "a b", "sudo usermod -aG docker 'a b'"),
        (replace(CLOSED, is_listed=True), "wrong", "ann", "log in again"),
        (replace(CLOSED, is_inside=True), "wrong", "ann", 'group_add: ["998"]'),
        (replace(CLOSED, group="root", group_id=0), "wrong", "ann", "groupadd -f docker"),
        (replace(OURS, is_there=False), "wrong", "there is no /run", "systemctl start docker"),
        (replace(OURS, is_there=False, is_inside=True), "wrong", "no /run", "-v /run/docker.sock:"),
        (replace(OURS, is_socket=False), "wrong", "not a socket", "DOCKER_HOST"),
        (replace(OURS, problem="Permission denied"), "wrong", "Permission denied", "as the user"),
    ],
)
def test_a_socket(seen: Socket, state: str, text: str, fix: str) -> None:
    finding = judge_socket(seen)
    assert finding.state == state
    assert text in finding.text
    assert fix in finding.fix
    assert bool(finding.fix) == (finding.state is not State.OK)


@pytest.mark.parametrize(
    ("address", "is_tls", "state"),
    [
        ("ssh://ann@far.example", False, "ok"),
        ("tcp://far.example:2376", True, "ok"),
        ("https://far.example:2376", False, "ok"),
        ("tcp://127.0.0.1:2375", False, "ok"),
        ("tcp://[::1]:2375", False, "ok"),
        ("tcp://socket-proxy:2375", False, "ok"),
        ("tcp://far.example:2375", False, "weak"),
        ("tcp://10.0.0.5:2375", False, "weak"),
    ],
)
def test_an_engine_over_a_network(address: str, is_tls: bool, state: str) -> None:
    assert judge_remote(address, is_tls=is_tls).state == state


@pytest.mark.parametrize(
    ("error", "version", "fix"),
    [
        (TryAgain("it gives no answer in 4 s"), {}, "systemctl restart docker"),
        (GiveUp("the engine says: 403"), {}, "GET /version"),
        (GiveUp("DOCKER_HOST: none was found (x); start Docker"), {}, "start Docker"),
        (GiveUp("the engine speaks API '1.30'"), {"ApiVersion": "1.30"}, "update Docker"),
    ],
)
def test_an_engine_that_cannot_be_opened(
    error: TryAgain | GiveUp, version: dict[str, str], fix: str
) -> None:
    finding = judge_silence(error, version)
    assert finding.state is State.WRONG
    assert finding.text
    assert "DOCKER_HOST: " not in finding.text
    assert fix in finding.fix
