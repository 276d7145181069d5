"""`router:` of the top level → RouterSpec, for `options`; of a service → Route, for `service`.

The address alone will do: `router: unix:///run/haproxy/admin.sock`.
"""

from __future__ import annotations

import re
from pathlib import Path

from everup.config.addresses import SOCKET_BYTES_MOST, host_and_port
from everup.config.reading import Field, duration, maybe, take, text, whole
from everup.model.routing import INSTANCE_MARK, NUMBER_MARK, Route, RouterSpec

KINDS = ("haproxy",)
ROUTER_FIELDS = (*KINDS, "timeout_s")
ROUTE_FIELDS = ("backend", "server", "port")
UNIX, TCP = "unix://", "tcp://"
EXAMPLE = "write unix:///run/haproxy/admin.sock or tcp://haproxy:9999"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
NAME_RULE = "use only letters, digits, and _ . : - as HAProxy does"
_timeout = duration(0.1, 30.0)


def router(field: Field | None, folder: Path) -> RouterSpec | None:
    """The router of the stack; a relative path lies beside the file."""
    if field is None:
        return None
    if field.node.kind != "mapping":
        return router_from(field, None, folder)
    given = field.fields(ROUTER_FIELDS, "haproxy: and its address, and timeout_s")
    kinds = [kind for kind in KINDS if kind in given]
    if not kinds:
        field.wrong("names no router", f"add haproxy: and its address; {EXAMPLE}")
        return None
    default = RouterSpec(kinds[0], "")
    address = _address(given[kinds[0]], folder)
    timeout_s = take(given, "timeout_s", _timeout, default.timeout_s)
    return None if address is None else RouterSpec(kinds[0], address, timeout_s)


def router_from(field: Field, known: RouterSpec | None, folder: Path) -> RouterSpec | None:
    """An address alone, from the file or the environment, over what is known."""
    address = _address(field, folder)
    if address is None:
        return known
    default = known or RouterSpec(KINDS[0], "")
    return RouterSpec(default.kind, address, default.timeout_s)


def route(field: Field) -> Route | None:
    """`router: be_web`, the backend's name; or its block."""
    if field.node.kind != "mapping":
        group = name(field)
        return None if group is None else Route(group)
    given = field.fields(ROUTE_FIELDS, "backend, server and port")
    return Route(
        maybe(given, "backend", name) or "",
        maybe(given, "server", template) or "",
        take(given, "port", whole(1, 65535), 0),
    )


def name(field: Field) -> str | None:
    """Of a backend."""
    found = text(field)
    if found is not None and not NAME.fullmatch(found):
        field.wrong("is no name of a backend", NAME_RULE)
        return None
    return found


def template(field: Field) -> str | None:
    """How its servers are called: with {instance} or {number} where there are several."""
    found = text(field)
    if found is None:
        return None
    plain = found.replace(INSTANCE_MARK, "x").replace(NUMBER_MARK, "1")
    if not NAME.fullmatch(plain):
        field.wrong("is no name of a server", f"{NAME_RULE}, and {INSTANCE_MARK} or {NUMBER_MARK}")
        return None
    return found


def address_of(given: str, folder: Path) -> str:
    """As a router's spec has it.

    Raises:
        ValueError: it is none; says why.
    """
    if given.startswith("/"):
        given = f"{UNIX}{given}"
    if given.startswith(UNIX):
        path = given.removeprefix(UNIX)
        if not path:
            raise ValueError(f"names no socket; {EXAMPLE}")
        path = str(folder / path)
        if len(path.encode()) > SOCKET_BYTES_MOST or "\0" in path:
            raise ValueError(f"is no path of a socket: the kernel takes {SOCKET_BYTES_MOST} bytes")
        return f"{UNIX}{path}"
    if not given.startswith(TCP):
        raise ValueError(f"has no scheme; {EXAMPLE}")
    host, port = host_and_port(given)
    if not port.isdigit():
        raise ValueError(f"names no port; {EXAMPLE}")
    return f"{TCP}[{host}]:{port}" if ":" in host else f"{TCP}{host}:{port}"


def _address(field: Field, folder: Path) -> str | None:
    given = text(field)
    if given is None:
        return None
    try:
        return address_of(given, folder)
    except ValueError as error:
        said, _, fix = str(error).partition("; ")
        field.wrong(said, fix)
        return None
