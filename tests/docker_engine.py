"""A real Docker engine for tests: a few calls, and nothing left behind afterwards.

Everything that a test makes carries the label LABEL with the token of its session, or belongs to a
Compose project of that session; exactly that is removed at its end, after a failed test too. What a
session left that was killed is removed by the next one on this machine. Nothing is ever pruned.

    def test_something(docker: Docker) -> None:
        web = docker.run(BUSYBOX, "sleep", "60", options=["--memory", "32m"])
        assert docker.inspect(web)["State"]["Running"]

`make test` brings the engine and the images (`scripts/engine`); see docs/engine.md.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import Any

import psutil
import pytest

from everup.loop.pins import REPOSITORY

BUSYBOX = "everup-test/busybox"
PYTHON = "everup-test/python:3.11"
HAPROXY = "everup-test/haproxy"
LABEL = "everup.test.session"
PREFIX = "everup-test-"
SESSION = "session"  # the volume that says which session a prefix is of
COMPOSE = "com.docker.compose.project"
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
ANSWERS_WITHIN_S = 60.0
POLL_EVERY_S = 0.1
KINDS = {"container": ["ps", "-aq"], "network": ["network", "ls", "-q"]}
KINDS["volume"] = ["volume", "ls", "-q"]
IMAGE_NAME = "image name"
REMOVERS = {IMAGE_NAME: ["rmi"]}
REMOVERS |= {"container": ["rm", "-fv"], "network": ["network", "rm"], "volume": ["volume", "rm"]}


TALKED_TO: set[IPv4Network | IPv6Network] = set()


def is_talked_to(address: str) -> bool:
    """Is it a network that this session made, and said that it talks to?"""
    try:
        return any(ip_address(address) in network for network in TALKED_TO)
    except ValueError:
        return False


def call(*arguments: str, timeout_s: float = ANSWERS_WITHIN_S, text: str = "") -> str:
    """One command of the Docker client. Its complaint is in the AssertionError."""
    return _output(["docker", *arguments], timeout_s, text)


def _output(
    command: Sequence[str], timeout_s: float, text: str = "", more: Mapping[str, str] | None = None
) -> str:
    environment = {**os.environ, "DOCKER_BUILDKIT": "0", **(more or {})}
    done = subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout.strip()


class _Connection(HTTPConnection):
    def connect(self) -> None:
        self.sock = socket(AF_UNIX, SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def api(method: str, path: str, body: object = None) -> tuple[int, Any]:
    """One call of the Engine API over its socket, without the client: status and document."""
    connection = _Connection("engine", timeout=ANSWERS_WITHIN_S)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(raw) if is_json and raw else raw.decode()
    finally:
        connection.close()


def wait_until(is_so: Callable[[], object], within_s: float = 30.0, what: str = "it") -> None:
    """Look again and again. Raises AssertionError when it is not so in time."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, f"{what} did not come within {within_s:g} s"
        time.sleep(POLL_EVERY_S)


class Docker:
    """What one session makes on the engine. `name` makes names, `close` removes it all."""

    def __init__(self) -> None:
        self.token = f"{_this_machine()}.{os.getpid()}.{_began(os.getpid())}.{secrets.token_hex(3)}"
        self.prefix = f"{PREFIX}{secrets.token_hex(4)}"
        self._projects: dict[str, None] = {}
        self._is_marked = self._is_used = False

    @property
    def label(self) -> str:
        """For the option --label of whatever is made by other means than these."""
        self._is_used = True
        return f"{LABEL}={self.token}"

    def name(self, word: str) -> str:
        """A name that no other session has."""
        return f"{self.prefix}-{word}"

    def run(self, image: str, *command: str, name: str = "", options: Sequence[str] = ()) -> str:
        """A container in the background; its id."""
        chosen = name or self.name(secrets.token_hex(3))
        mine = ["run", "-d", "--name", chosen, "--label", self.label]
        return call(*mine, *options, image, *command)

    def once(self, image: str, *command: str, options: Sequence[str] = ()) -> str:
        """What a container says that runs to its end."""
        return call("run", "--rm", "--label", self.label, *options, image, *command)

    def network(self, word: str, *options: str) -> str:
        call("network", "create", "--label", self.label, *options, self.name(word))
        return self.name(word)

    def volume(self, word: str, *options: str) -> str:
        return call("volume", "create", "--label", self.label, *options, self.name(word))

    def talk(self, project: str) -> None:
        """From now on this test may talk to the containers on the networks of this project."""
        label = f"{COMPOSE}={self.name(project)}"
        for network in _with_labels("network", [label]):
            for pool in json.loads(call("network", "inspect", network))[0]["IPAM"]["Config"]:
                TALKED_TO.add(ip_network(pool["Subnet"]))

    def compose(
        self,
        project: str,
        *arguments: str,
        timeout_s: float = ANSWERS_WITHIN_S * 2,
        **environment: str,
    ) -> str:
        """docker-compose, for a project of this session: `name(project)`."""
        self._mark()
        self._projects[self.name(project)] = None
        command = ["docker-compose", "-p", self.name(project), *arguments]
        return _output(command, timeout_s, more=environment)

    def inspect(self, container: str) -> dict[str, Any]:
        status, document = api("GET", f"/containers/{container}/json")
        assert status == 200, document
        found: dict[str, Any] = document
        return found

    def left(self) -> dict[str, list[str]]:
        """Kind → ids of what this session made and what is still there."""
        marks = [self.label, *(f"{COMPOSE}={name}" for name in self._projects)]
        return {kind: ids for kind in KINDS if (ids := _with_labels(kind, marks))}

    def _mark(self) -> None:
        """Compose's things do not carry our token; this tells the next session whose they are."""
        if not self._is_marked:
            self._is_marked = True
            self.volume(SESSION)

    def close(self) -> None:
        """Remove what is left. Raises AssertionError when something does not go."""
        TALKED_TO.clear()
        if not self._is_used:
            return
        for kind in KINDS:  # containers first: they hold the rest
            for found in self.left().get(kind, []):
                _remove(kind, found)
        for name in _kept_names(self.prefix):  # of an Everup that was killed
            _remove(IMAGE_NAME, name)
        assert self.left() == {}
        assert _kept_names(self.prefix) == []
        self._projects.clear()
        self._is_marked = self._is_used = False

    def __enter__(self) -> Docker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _with_labels(kind: str, labels: Sequence[str]) -> list[str]:
    found = [call(*KINDS[kind], "--filter", f"label={label}").split() for label in labels]
    return sorted({one for ids in found for one in ids})


def _kept_names(*prefixes: str) -> list[str]:
    """Names of Everup's on images, for stacks whose names begin like this."""
    words = ("images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY)
    begin = tuple(f"{REPOSITORY}:{prefix}" for prefix in prefixes)
    return [name for name in call(*words).split() if begin and name.startswith(begin)]


def _remove(kind: str, found: str) -> None:
    try:
        call(*REMOVERS[kind], found)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        # Gone already, or it does not go: whoever looks afterwards tells which.
        print(f"removing the {kind} {found}: {error}")


# --- what killed sessions left ------------------------------------------------------------------


def _this_machine() -> str:
    """Of whose processes the pid in a token speaks."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"


def _began(pid: int) -> int:
    return int(psutil.Process(pid).create_time())


def is_orphan(token: str) -> bool:
    """Its session was of this machine, and its process is no more."""
    machine, _, rest = token.partition(".")
    pid, began, *_ = [*rest.split("."), "", ""]
    if machine != _this_machine() or not (pid.isdigit() and began.isdigit()):
        return False
    try:
        return abs(_began(int(pid)) - int(began)) > 1
    except psutil.NoSuchProcess:
        return True


def remove_orphans() -> list[str]:
    """Remove what sessions left that were killed; says what it removed."""
    removed = []
    dead = _dead_sessions()
    for name in _kept_names(*dead):
        _remove(IMAGE_NAME, name)
        removed.append(name)
    for kind in KINDS:
        for found in _with_labels(kind, [LABEL, COMPOSE]):
            labels = _labels(kind, found)
            project = labels.get(COMPOSE, "")
            if is_orphan(labels.get(LABEL, "")) or project.startswith(dead):
                _remove(kind, found)
                removed.append(f"{kind} {found}")
    return removed


def _dead_sessions() -> tuple[str, ...]:
    """What the names of their projects begin with."""
    volumes = [one for one in _with_labels("volume", [LABEL]) if one.endswith(f"-{SESSION}")]
    return tuple(
        one.removesuffix(SESSION)
        for one in volumes
        if is_orphan(_labels("volume", one).get(LABEL, ""))
    )


def _labels(kind: str, found: str) -> dict[str, str]:
    template = "{{json .Config.Labels}}" if kind == "container" else "{{json .Labels}}"
    try:
        labels: dict[str, str] | None = json.loads(
            call(kind, "inspect", "--format", template, found)
        )
    except AssertionError:  # its own session was faster
        return {}
    return labels or {}


SESSIONS: list[Docker] = []


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """A worker's hundred modules would otherwise hold their networks until the last of them."""
    yield
    for session in SESSIONS:
        session.close()


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """The engine, for the tests of this worker. There is one: make test sees to it."""
    assert shutil.which("docker"), "no docker client: scripts/engine start installs one"
    status, _ = api("GET", "/_ping")
    assert status == 200, "no engine answers: scripts/engine start begins one"
    remove_orphans()
    with Docker() as session:
        SESSIONS.append(session)
        yield session
        SESSIONS.clear()
