"""What the values of `everup.*` labels may say. Pure; called by `labels`.

Each reader returns the value, or raises ValueError with the sentence that says what would be right.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import replace
from posixpath import normpath

from everup.model.kinds import DependencyKind, Mode
from everup.model.routing import INSTANCE_MARK, NUMBER_MARK, Route
from everup.model.scaling import Spread
from everup.model.stack import HOST_MARK, NO_WORDS, YES_WORDS, Dependency, HookSpec, ProbeSpec

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EDGES_MOST = 100
PATHS_MOST = 64
NO_EDGE = "none"
NO_PROBE = "none"
OF_LABEL = "label everup.depends_on"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HERE = frozenset({"", "localhost", "127.0.0.1", "0.0.0.0", "[::1]"})  # noqa: S104 - only compared
_ADDRESS = re.compile(r"([a-z]+)://(\[[^\]/]*\]|[^:/\s@]*):(\d{1,5})(/\S*)?")
_NEVER_CLEARED = re.compile(r"flush(all|db)", re.IGNORECASE)
_ROUTED_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DEFAULT_WEIGHT = {DependencyKind.HARD: 1.0, DependencyKind.SOFT: 0.5}


def flag(text: str) -> bool:
    """Yes or no."""
    word = text.strip().lower()
    if word in YES_WORDS:
        return True
    if word in NO_WORDS - {""}:
        return False
    raise ValueError("write true or false")


def mode(text: str) -> Mode:
    """How far Everup may go by itself."""
    try:
        return Mode(text.strip().lower())
    except ValueError:
        raise ValueError("write observe, approve or auto") from None


def whole(text: str, least: int, most: int) -> int:
    """A whole number between these."""
    text = text.strip()
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 10 and least <= int(text) <= most:
        return int(text)
    raise ValueError(f"write a whole number from {least} to {most}")


def share(text: str, least: float) -> float:
    """A number up to 1."""
    value = number(text)
    if least <= value <= 1.0:
        return value
    raise ValueError(f"write a number from {least:g} to 1")


def duration_s(text: str, most_s: float) -> float:
    """`30`, `30s`, `500ms`, `5m`, `1h30m` as seconds."""
    text = text.strip().lower()
    value = number(text)
    if math.isnan(value):
        parts = _DURATION.findall(text)
        is_whole = bool(parts) and "".join(n + unit for n, unit in parts) == text.replace(" ", "")
        value = sum(float(n) * _SECONDS[unit] for n, unit in parts) if is_whole else math.nan
    if 0.0 <= value <= most_s:
        return value
    raise ValueError(f"write a duration up to {most_s:g} s: 30, 30s, 500ms, 5m or 1h30m")


def when_stopped(text: str) -> bool:
    """Is a death that looks intended to be treated as a crash?"""
    word = text.strip().lower()
    if word in {"heal", "leave"}:
        return word == "heal"
    raise ValueError("write heal or leave")


def spread(text: str) -> Spread:
    """Who brings work to further copies."""
    try:
        return Spread(text.strip().lower())
    except ValueError:
        raise ValueError(f"write {', '.join(Spread)}") from None


def route(known: Route | None, key: str, text: str) -> Route:
    """One of `backend`, `server` and `port`, over what is known."""
    known, text = known or Route(), text.strip()
    if key == "port":
        return replace(known, port=whole(text, 1, 65535))
    plain = text if key == "backend" else _without_marks(text)
    if not _ROUTED_NAME.fullmatch(plain):
        raise ValueError("use only letters, digits, and _ . : - as HAProxy does")
    return replace(known, group=text) if key == "backend" else replace(known, server=text)


def _without_marks(text: str) -> str:
    return text.replace(INSTANCE_MARK, "x").replace(NUMBER_MARK, "1")


def service_name(text: str) -> str:
    """One service of the project."""
    name = text.strip()
    if not name or any(character.isspace() or character == "," for character in name):
        raise ValueError("write the name of one service of this project")
    return name


def probe(text: str) -> ProbeSpec:
    """`http://:8080/health`, `tcp://:5432`, `redis://:6379`, `postgres://:5432`.

    The host is a mark: it is the container itself, and whoever asks knows its address.
    """
    text = text.strip()
    scheme, port, path = _own_address(text)
    target = f"{HOST_MARK}:{port}"
    if scheme in {"http", "https"}:
        return ProbeSpec(http=f"{scheme}://{target}{path or '/'}")
    if path not in {"", "/"}:
        raise ValueError(f"a {scheme} probe has no path; write {scheme}://:{port}")
    if scheme == "tcp":
        return ProbeSpec(tcp=target)
    if scheme == "redis":
        return ProbeSpec(redis=target)
    return ProbeSpec(postgres=target)


def hook(name: str, text: str) -> HookSpec:
    """A command that runs in the container, or an HTTP call: `POST http://:8080/reconnect`."""
    text = text.strip()
    if name == "cache_clear" and _NEVER_CLEARED.search(text):
        raise ValueError(
            "it may free only what its owner named; a hook with FLUSHALL or FLUSHDB is refused"
        )
    method, space, url = text.partition(" ")
    if text.startswith(("http://", "https://")):
        method, url = "POST", text
    elif not space or method not in METHODS:
        return HookSpec(command=_words(text))
    scheme, port, path = _own_address(url.strip())
    if scheme not in {"http", "https"}:
        raise ValueError("write it like POST http://:8080/reconnect")
    return HookSpec(http=f"{method} {scheme}://{HOST_MARK}:{port}{path or '/'}")


def edges(text: str) -> tuple[tuple[Dependency, ...], frozenset[str]]:
    """`db,cache:soft:0.5,search:none` → edges, and the services that are declared not needed."""
    found: dict[str, Dependency] = {}
    refused = set()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > EDGES_MOST:
        raise ValueError(f"name at most {EDGES_MOST} services")
    for part in parts:
        target, _, rest = part.partition(":")
        kind_word, _, weight_word = rest.partition(":")
        if not target or any(character.isspace() for character in target):
            raise ValueError("write names of services: db,cache:soft:0.5")
        if kind_word == NO_EDGE and not weight_word:
            refused.add(target)
            continue
        try:
            kind = DependencyKind(kind_word or "hard")
        except ValueError:
            raise ValueError("after a name write hard, soft or none: db,cache:soft:0.5") from None
        weight = share(weight_word, 0.0) if weight_word else _DEFAULT_WEIGHT[kind]
        found[target] = Dependency(target, kind, weight, source=OF_LABEL)
    return tuple(found.values()), frozenset(refused - found.keys())


def names(text: str) -> frozenset[str]:
    """`db,cache`, or `none`."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if len(found) > EDGES_MOST or any(c.isspace() for name in found for c in name) or not found:
        raise ValueError(f"write up to {EDGES_MOST} names of services, as db,cache, or none")
    return frozenset() if found == [NO_EDGE] else frozenset(found)


def paths(text: str) -> tuple[str, ...]:
    """`/etc/app.conf,/etc/app/conf.d`, or `none`."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if found == [NO_EDGE]:
        return ()
    is_fit = all(p.startswith("/") and normpath(p) == p and p != "/" for p in found)
    if not found or len(found) > PATHS_MOST or not is_fit:
        raise ValueError(f"write up to {PATHS_MOST} whole paths in the container, or none")
    return tuple(dict.fromkeys(found))


def _own_address(text: str) -> tuple[str, int, str]:
    """(scheme, port, path) of an address in the container itself."""
    match = _ADDRESS.fullmatch(text)
    if match is None or match[1] not in {"http", "https", "tcp", "redis", "postgres"}:
        raise ValueError(
            "write http://:8080/health, tcp://:5432, redis://:6379, postgres://:5432 or none"
        )
    if match[2].lower() not in _HERE:
        raise ValueError(
            f"it asks the container itself; leave out the host: {match[1]}://:{match[3]}"
        )
    port = int(match[3])
    if not 0 < port < 65536:
        raise ValueError("write a port from 1 to 65535")
    return match[1], port, match[4] or ""


def _words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        words = ()
    if not words or "\0" in text:
        raise ValueError("write a command with its quotes closed")
    return words


def number(text: str) -> float:
    """A finite number; NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
