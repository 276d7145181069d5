"""Which hosts a setting names: URLs, connection strings, host:port, lists of them. Pure, linear.

Called by `edges_environment` for each variable and argument. Only whole host names come out, so a
service `api` is never seen in `rapid-api.example.com`. Values are read here and shown nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

VALUE_MOST = 4096
NAMES_KEPT_MOST = 4096
URL_CONFIDENCE = 0.8
HOST_CONFIDENCE = 0.6
PORT_CONFIDENCE = 0.5
PORT_LEAST = 80
"""Below this, `name:number` outside of a host's variable is rather an image and its version."""

_END_OF_AUTHORITY = re.compile(r"[/?#\s\"'<>|;`\\)}\]]")
_END_OF_URL = re.compile(r"[\s\"'<>`]")
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_NO_WORD = re.compile(r"[^A-Z0-9]+")
_BETWEEN = re.compile(r"[,;\s|]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)
_DSN_KEYS = frozenset({"host", "hosts", "hostaddr", "server", "source", "addr", "address"})
_HOST_WORDS = frozenset(
    [
        *("HOST", "HOSTS", "HOSTNAME", "ADDR", "ADDRS", "ADDRESS", "ADDRESSES", "URL", "URLS"),
        *("URI", "URIS", "SERVER", "SERVERS", "ENDPOINT", "ENDPOINTS", "BROKERS", "NODES", "DSN"),
        *("UPSTREAM", "UPSTREAMS", "SEEDS", "PEERS", "PROXY", "PGHOST", "DBHOST", "SERVICE"),
        *("POINTS", "CONNECT"),
    ]
)
_CALLERS = frozenset(
    [
        *("ALLOWED", "ALLOW", "ALLOWLIST", "WHITELIST", "TRUSTED", "CORS", "ORIGIN", "ORIGINS"),
        *("CSRF", "VIRTUAL", "LETSENCRYPT", "PUBLIC", "EXTERNAL", "ADVERTISED", "ADVERTISE"),
        *("LISTEN", "LISTENERS", "BIND", "CALLBACK", "REDIRECT", "IMAGE", "TAG", "VERSION"),
    ]
)
"""Words of variables that say who may call, or how we are called: nothing that is needed."""


@lru_cache(maxsize=NAMES_KEPT_MOST)
def words_of(variable: str) -> tuple[str, ...]:
    """`databaseHost`, `DATABASE__HOST` and `database.host` → DATABASE, HOST."""
    spaced = _CAMEL.sub(r"\1_\2", variable[:200]).upper()
    return tuple(word for word in _NO_WORD.split(spaced) if word)


def hosts_in(variable: str, value: str) -> dict[str, float]:
    """Host, in small letters → how sure it is that this variable means a host that is needed."""
    words = words_of(variable)
    if "NO_PROXY" in "_".join(words) or _CALLERS.intersection(words):
        return {}
    found: dict[str, float] = {}
    value = value[:VALUE_MOST]
    names_host = bool(words) and _is_host_word(words)
    for host, confidence in (*_in_urls(value), *_in_words(value, names_host=names_host)):
        found[host] = max(confidence, found.get(host, 0.0))
    return found


def hosts_in_argument(value: str) -> dict[str, float]:
    """The same for one word of a command line: `--broker=redis://queue:6379`, `db:5432`."""
    value = value[:VALUE_MOST]
    if value.startswith("-"):
        value = value.partition("=")[2]
    return dict(sorted((*_in_words(value, names_host=False), *_in_urls(value)), key=lambda h: h[1]))


def _is_host_word(words: tuple[str, ...]) -> bool:
    """Does its last word, numbers aside, say that a host follows?"""
    last = next((word for word in reversed(words) if not word.isdigit()), "")
    return last.rstrip("0123456789") in _HOST_WORDS


def _in_urls(value: str) -> Iterator[tuple[str, float]]:
    for rest in value.split("://")[1:]:
        rest = _END_OF_URL.split(rest, maxsplit=1)[0]
        authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
        if "@" not in authority and "@" in rest and not _is_plain(authority):
            authority = _END_OF_AUTHORITY.split(rest.rpartition("@")[2], maxsplit=1)[0]
        for one in authority.rpartition("@")[2].split(","):
            if host := _host(one.partition(":")[0]):
                yield host, URL_CONFIDENCE
    for rest in value.split("tcp(")[1:]:  # as drivers of Go write it: user@tcp(db:3306)/shop
        if host := _host(rest.partition(")")[0].partition(":")[0]):
            yield host, URL_CONFIDENCE


def _is_plain(authority: str) -> bool:
    """A host, or host:port; anything else before an @ is a password with odd characters."""
    _, colon, port = authority.rpartition(":")
    return not colon or port.isdigit()


def _in_words(value: str, *, names_host: bool) -> Iterator[tuple[str, float]]:
    for word in _BETWEEN.split(value):
        if "://" in word:
            continue
        key, equal, rest = word.partition("=")
        if equal:
            if key.lower() in _DSN_KEYS and (host := _host(rest.partition(":")[0])):
                yield host, URL_CONFIDENCE
            continue
        parts = word.rpartition("@")[2].partition("/")[0].split(":")
        port = int(parts[-1]) if parts[-1].isascii() and parts[-1].isdigit() else 0
        has_port = 1 < len(parts) <= 3 and PORT_LEAST <= port < 65536
        host = _host(parts[-2] if has_port else parts[0])
        if host and names_host and (has_port or len(parts) == 1):
            yield host, HOST_CONFIDENCE
        elif host and has_port and len(parts) == 2:
            yield host, PORT_CONFIDENCE


def _host(text: str) -> str:
    text = text.strip("\"'() ")
    return text.rstrip(".").lower() if len(text) < 256 and _HOST.fullmatch(text) else ""
