"""Addresses that people write: probe and hook URLs, host:port, and the URLs of other systems.

Pure checks, called by the readers of probes, hooks, `listen` and the environment. Each returns the
parsed value or raises ValueError with a sentence; nothing here resolves or connects.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

PORT_MARK = "{port}"
_STAND_IN = "1"
SOCKET_BYTES_MOST = 107
POSTGRES_SOCKET = ".s.PGSQL."
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def web_address(text: str) -> str:
    """An http or https URL; `{port}` may stand for the port.

    Raises:
        ValueError: no scheme, another scheme, no host, a bad port, or a user and password.
    """
    parts = _split(text, ("http", "https"), "http://127.0.0.1:8080/health")
    if parts.username or parts.password:
        raise ValueError("carries a user or password, which would end up in logs; remove it")
    return text


def host_and_port(text: str, *, default_host: str = "") -> tuple[str, str]:
    """`host:port`, `[::1]:port`, and where a default host is given also a bare port.

    The port stays text, since it may be `{port}`.

    Raises:
        ValueError: anything else.
    """
    text = text.removeprefix("tcp://").rstrip("/")
    host, colon, port = text.rpartition(":")
    if not colon and default_host:
        host = default_host
    host = host.removeprefix("[").removesuffix("]") or default_host
    if not host or "/" in host or " " in host:
        raise ValueError("names no host; write host:port, for example 127.0.0.1:5432")
    if port != PORT_MARK and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("names no port from 1 to 65535; write host:port")
    return host, port


def joined(text: str) -> str:
    """`host:port` with an IPv6 host in brackets. Raises ValueError like `host_and_port`."""
    host, port = host_and_port(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_or_socket(text: str) -> str:
    """`host:port`, or the absolute path of a socket.

    Raises:
        ValueError: neither, or a path that the kernel would refuse.
    """
    if not text.startswith("/"):
        if "/" in text or "@" in text:
            raise ValueError(
                "is neither host:port nor the path of a socket; a probe needs no user, password or "
                "database: write host:port, for example 127.0.0.1:5432, or /run/…"
            )
        return joined(text)
    if len(text.encode()) > SOCKET_BYTES_MOST or "\0" in text:
        raise ValueError(f"is no path of a socket: the kernel takes {SOCKET_BYTES_MOST} bytes")
    return text


def postgres_socket(text: str) -> str:
    """Like `host_or_socket`; a folder, as PostgreSQL's own tools take it, means its usual socket.

    Raises:
        ValueError: as there.
    """
    if text.startswith("/") and not text.rpartition("/")[2].startswith(POSTGRES_SOCKET):
        text = f"{text.rstrip('/')}/{POSTGRES_SOCKET}5432"
    return host_or_socket(text)


def is_request(text: str) -> bool:
    """Is this a hook's HTTP call, rather than a command that has a URL among its words?"""
    return text.partition(" ")[0] in METHODS or text.startswith(("http://", "https://"))


def request_line(text: str) -> str:
    """A hook's call: `POST http://…`; a URL alone means POST.

    Raises:
        ValueError: an unknown method or a URL that `web_address` refuses.
    """
    method, _, url = text.rpartition(" ")
    method = method.strip().upper() or "POST"
    if method not in METHODS:
        raise ValueError(f"has no known method; write one of {', '.join(METHODS)}, then the URL")
    return f"{method} {web_address(url)}"


def system_url(text: str, schemes: Collection[str], example: str) -> str:
    """The URL of another system, credentials allowed.

    Raises:
        ValueError: another scheme, no host or a bad port.
    """
    _split(text, schemes, example)
    return text


def _split(text: str, schemes: Collection[str], example: str) -> SplitResult:
    if "://" not in text:
        raise ValueError(f"has no scheme; write it like {example}")
    try:
        parts = urlsplit(text.replace(PORT_MARK, _STAND_IN))
        port = parts.port
    except ValueError:
        raise ValueError(
            "is not a URL: its host or port cannot be read; in a password, / : @ are %2F %3A %40"
        ) from None
    if parts.scheme.lower() not in schemes:
        raise ValueError(f"has a scheme that is not one of {', '.join(schemes)}")
    if not parts.hostname or port == 0 or any(c.isspace() for c in text):
        raise ValueError(f"names no host; write it like {example}")
    return parts
