"""Is the way to the engine one that we may use, and only we? Pure; `here` looks at the socket."""

from __future__ import annotations

import ipaddress
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from everup.app.doctor.findings import Finding, ok, weak, wrong

CHECK = "socket"
UNIX = "unix://"
START = "start Docker (sudo systemctl start docker), or set DOCKER_HOST to where it is"


@dataclass(frozen=True, slots=True)
class Socket:
    """The socket's file as we see it, and who we are. `group` is its name, or its number where it
    has none here; `problem`: why the file could not be looked at."""

    path: str
    is_there: bool = True
    is_socket: bool = True
    may_use: bool = True
    group: str = ""
    group_id: int = -1
    user: str = ""
    user_id: int = -1
    is_in_group: bool = False  # this process
    is_listed: bool = False  # its user, from the next login on
    is_inside: bool = False  # of a container
    problem: str = ""


def judge_socket(seen: Socket) -> Finding:
    """May we use it?"""
    if seen.problem:
        fix = f"run everup as the user to whom {seen.path} belongs"
        return wrong(CHECK, f"{seen.path} cannot be reached: {seen.problem}", fix)
    if not seen.is_there:
        if seen.is_inside:
            fix = f"mount the engine's socket into this container: -v {seen.path}:{seen.path}"
            return wrong(CHECK, f"there is no {seen.path}", fix)
        return wrong(CHECK, f"there is no {seen.path}", START)
    if not seen.is_socket:
        return wrong(CHECK, f"{seen.path} is not a socket", START)
    if seen.may_use:
        return ok(CHECK, f"{seen.path} may be used: {_because(seen)}")
    return wrong(CHECK, f"{seen.path} may not be used by {seen.user}", _way_in(seen))


def judge_remote(address: str, *, is_tls: bool) -> Finding:
    """An engine that is reached over a network: is the way there a closed one?"""
    parts = urlsplit(address)
    if parts.scheme == "ssh":
        return ok(CHECK, f"{address} is reached over SSH")
    if is_tls or parts.scheme == "https":
        return ok(CHECK, f"{address} is reached over TLS")
    host = parts.hostname or ""
    if _is_near(host):
        return ok(CHECK, f"{address} is reached without TLS, and does not leave this machine")
    return weak(
        CHECK,
        f"{address} is reached without TLS: whoever reaches it is root there",
        "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or DOCKER_HOST=ssh://USER@"
        + (host or "HOST"),
    )


def _is_near(host: str) -> bool:
    """Loopback, or a name without a dot: a container on a network of ours."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host


def _because(seen: Socket) -> str:
    if seen.user_id == 0:
        return f"we are root (its group is {seen.group})"
    if seen.is_in_group:
        return f"{seen.user} is in its group {seen.group}"
    return f"{seen.user} is its owner, or everybody may"


def _way_in(seen: Socket) -> str:
    if seen.is_inside:
        return f'give the container the socket\'s group: group_add: ["{seen.group_id}"]'
    if seen.is_listed:
        return f"{seen.user} is in the group {seen.group} from the next login on: log in again"
    if seen.group_id == 0:
        return "give the socket a group: sudo groupadd -f docker, then restart Docker"
    user, group = shlex.quote(seen.user), shlex.quote(seen.group)
    return f"sudo usermod -aG {group} {user}, then log in again"
