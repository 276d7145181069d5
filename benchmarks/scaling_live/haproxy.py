"""The HAProxy before a side: its configuration, its process, and what is said to it.

Each instance may have a *place*, a server that HAProxy's configuration names; its own check finds
who listens there. Without places, further servers are Everup's to add. The answer of a server that
has none is /health, asked twice a second.
"""

from __future__ import annotations

import csv
import io
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scaling_live.world import INSIDE_PORT, SERVICE

ANSWERS_WITHIN_S = 5.0
READY_WITHIN_S = 20.0
GLOBAL = """\
global
  stats socket {socket} mode 666 level admin
"""
DEFAULTS = """\
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 30s
  timeout check 2s
  retries 3
  option redispatch 1
  default-server check inter 500ms fall 2 rise 2 weight 100
"""
LISTEN = f"""\
listen {SERVICE}
  bind {{bind}}
  balance leastconn
  option httpchk GET /health
"""
BY_NAME = """\
  default-server resolvers engine init-addr none
  # Who is found by name gets requests until a check has failed, and while it starts it says 503.
  retry-on conn-failure empty-response 503
"""
RESOLVERS = """\
resolvers engine
  nameserver engine 127.0.0.11:53
  accepted_payload_size 8192
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
  hold obsolete 2s
  hold nx 2s
  hold other 2s
"""


def of_processes(socket_path: Path, port: int, ports: Sequence[int]) -> str:
    """The configuration before processes of this machine. `ports`: of those that have a place."""
    listen = LISTEN.format(bind=f"127.0.0.1:{port}")
    places = "".join(
        f"  server {SERVICE}{number} 127.0.0.1:{each}\n" for number, each in enumerate(ports)
    )
    return GLOBAL.format(socket=socket_path) + DEFAULTS + listen + places


def of_containers(socket_path: str, port: int, places: int) -> str:
    """The configuration in a container; who has a place is found by the engine's name for all."""
    head = GLOBAL.format(socket=socket_path) + RESOLVERS + DEFAULTS + BY_NAME
    template = f"  server-template {SERVICE} 1-{places} {SERVICE}:{INSIDE_PORT}\n"
    return head + LISTEN.format(bind=f":{port}") + template


@dataclass(frozen=True, slots=True)
class Server:
    """One row. `takes`: it gets new requests. `is_up`: what its check says, whatever we order."""

    name: str
    address: str
    takes: bool
    is_up: bool
    weight: int
    sessions: int
    asked: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All of them at one moment. `asked`: requests so far, also those that nobody took."""

    at_s: float
    servers: tuple[Server, ...]
    asked: int
    sessions: int

    @property
    def taking(self) -> int:
        """How many get requests."""
        return sum(one.takes for one in self.servers)


class Haproxy:
    """One that listens for commands at this socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, command: str) -> str:
        """One command and its answer. Raises OSError."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWERS_WITHIN_S)
            line.connect(str(self.path))
            line.sendall(f"{command}\n".encode())
            parts = []
            while part := line.recv(65_536):
                parts.append(part)
        return b"".join(parts).decode()

    def see(self) -> Seen:
        """Its servers now. Raises OSError."""
        return seen(time.monotonic(), self.say(f"show stat {SERVICE} 7 -1"))

    def order(self, server: str, state: str) -> None:
        """`ready`, `drain` or `maint`."""
        self.say(f"set server {SERVICE}/{server} state {state}")

    def await_taking(self, count: int, within_s: float = READY_WITHIN_S) -> None:
        """Until exactly so many get requests.

        Raises:
            TimeoutError: they do not.
        """
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                now = self.see().taking
            except OSError:
                now = -1
            if now == count:
                return
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{now} servers get requests, and not {count}")
            time.sleep(0.1)


def seen(at_s: float, text: str) -> Seen:
    """`show stat`. Only those that lead somewhere are servers. Pure."""
    servers, asked, sessions = [], 0, 0
    for row in csv.DictReader(io.StringIO(text.lstrip("# "))):
        name, status = row["svname"], row["status"]
        if name == "FRONTEND":
            asked = _number(row["req_tot"])
            continue
        if name == "BACKEND":
            sessions = _number(row["scur"]) + _number(row["qcur"])
            continue
        is_up = row["check_status"] in ("L7OK", "L4OK")
        takes = status.startswith(("UP", "no check")) and _number(row["weight"]) > 0
        counts = (_number(row["weight"]), _number(row["scur"]), _number(row["stot"]))
        servers.append(Server(name, row["addr"], takes, is_up, *counts))
    return Seen(at_s, tuple(servers), asked, sessions)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
