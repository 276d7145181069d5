"""What makes another version of a container, and what a check says of who answered it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from everup.model.kinds import ProbeVerdict
from everup.model.observation import Heard
from everup.model.sums import SumKey
from everup.model.version import is_comparable
from everup.runtimes.docker.containers import Answer, OwnersCheck, parse
from everup.runtimes.docker.instances import answer_of
from everup.runtimes.docker.versions import version_of
from tests.unit.builders import KEY

ID = "a" * 64
DOCUMENT: dict[str, Any] = {
    "Id": ID,
    "Name": "/shop_web_1",
    "Image": "sha256:4f1c9e2ab3d0aaaa",
    "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05.5Z"},
    "Config": {
        "Hostname": ID[:12],
        "Image": "web:latest",
        "Env": ["A=1", "B=2"],
        "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.config-hash": "1234",
            "traefik.enable": "true",
        },
        "Cmd": ["serve"],
    },
    "HostConfig": {
        "NetworkMode": "shop",
        "Memory": 64,
        "Binds": ["data:/data:rw"],
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
        "NewInThisEngine": None,
    },
    "NetworkSettings": {
        "Networks": {"shop": {"Aliases": [ID[:12], "web"], "IPAddress": "10.0.0.2"}}
    },
    "Mounts": [{"Type": "volume", "Name": "b" * 64, "Destination": "/tmp/x", "RW": True}],
}


def changed(*path: str, to: object) -> dict[str, Any]:
    made = copy.deepcopy(DOCUMENT)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return made


def version(document: dict[str, Any], **held: Any) -> str:
    return version_of(parse(document), KEY, **held)


LABELS = DOCUMENT["Config"]["Labels"]


@pytest.mark.parametrize(
    "document",
    [
        changed("Id", to="c" * 64),
        changed("Name", to="/shop_web_2"),
        changed("State", "StartedAt", to="2026-02-02T03:04:05.5Z"),
        changed("Config", "Env", to=["B=2", "A=1"]),
        changed("Config", "Image", to="web:stable"),
        changed("Config", "Labels", to={**LABELS, "com.docker.compose.config-hash": "5"}),
        changed("NetworkSettings", "Networks", "shop", "IPAddress", to="10.0.0.9"),
        changed("NetworkSettings", "Networks", "shop", "Aliases", to=["web", "shop_web_1"]),
        changed("HostConfig", "NewInThisEngine", to=False),
        changed("HostConfig", "Binds", to=["data:/data:rw", f"{'b' * 64}:/tmp/x"]),
        changed("Mounts", to=[]),
    ],
)
def test_what_is_the_containers_own_makes_no_other_version(document: dict[str, Any]) -> None:
    if document["Id"] != ID:
        document["Config"]["Hostname"] = document["Id"][:12]
        document["NetworkSettings"]["Networks"]["shop"]["Aliases"] = [document["Id"][:12], "web"]
    assert version(document) == version(DOCUMENT)


@pytest.mark.parametrize(
    "document",
    [
        changed("Image", to="sha256:5f1c9e2ab3d0aaaa"),
        changed("Config", "Env", to=["A=1", "B=3"]),
        changed("Config", "Cmd", to=["serve", "-v"]),
        changed("Config", "Labels", to={**LABELS, "traefik.enable": "false"}),
        changed("HostConfig", "Memory", to=32),
        changed("HostConfig", "Binds", to=["other:/data:rw"]),
        changed("HostConfig", "PortBindings", to={}),
        changed("NetworkSettings", "Networks", to={"shop": {}, "back": {}}),
    ],
)
def test_what_its_owner_chose_does(document: dict[str, Any]) -> None:
    assert version(document) != version(DOCUMENT)


def test_what_we_hold_does_not() -> None:
    limited = changed("HostConfig", "Memory", to=128)
    assert version(limited, limits={"Memory": 64}) == version(DOCUMENT)
    cut = changed("NetworkSettings", "Networks", to={})
    assert version(cut, networks={"shop": {"Aliases": ["web"]}}) == version(DOCUMENT)


def test_the_image_can_be_read_off_it() -> None:
    assert version(DOCUMENT).startswith(f"3-{KEY.mark}:4f1c9e2ab3d0.")


def test_another_key_makes_another_version_that_is_not_compared() -> None:
    other = version_of(parse(DOCUMENT), SumKey(b"o" * 32))
    assert other != version(DOCUMENT)
    assert not is_comparable(other, version(DOCUMENT))
    assert is_comparable(version(changed("Config", "Env", to=["A=2"])), version(DOCUMENT))


SAYS = {
    "curl: (22) The requested URL returned error: 500": Heard.ANSWER,
    "curl: (22) The requested URL returned error: 503": Heard.CHECK,
    "b'HTTP/1.0 503 Service Unavailable'": Heard.CHECK,
    "wget: server returned error: HTTP/1.1 404 Not Found": Heard.ANSWER,
    "HTTP request sent, awaiting response... ERROR 500: Oops.": Heard.ANSWER,
    "HTTP Error 500: Internal Server Error": Heard.ANSWER,
    "HTTP/1.1 502 Bad Gateway": Heard.ANSWER,
    "curl: (7) Failed to connect to localhost port 80": Heard.CHECK,
    "/var/run/postgresql:5432 - rejecting connections": Heard.CHECK,
    "waited 503 ms": Heard.CHECK,
    "HTTP/1.1 200 OK": Heard.CHECK,
    "": Heard.CHECK,
}


@pytest.mark.parametrize("output", SAYS)
def test_a_check_may_show_that_the_service_itself_says_no(output: str) -> None:
    answers = tuple(Answer(float(n), n + 0.5, 1, output) for n in (5, 10, 15))
    found = answer_of(OwnersCheck("unhealthy", 3, answers), 16.0, 3)
    assert (found.verdict, found.heard) == (ProbeVerdict.FAIL, SAYS[output])
    assert found.since_s == 5.5, "it has failed since its first failure"


def test_a_run_of_failures_begins_after_the_last_good_answer() -> None:
    answers = tuple(Answer(float(n), n + 0.5, code, "") for n, code in enumerate((1, 0, 1, 1)))
    assert answer_of(OwnersCheck("healthy", 2, answers), 16.0, 3).since_s == 2.5
