"""`probe:` and `hooks:` of a service → ProbeSpec and HookSpec, from the short forms and the long.

Called by `service`. Whether a target answers is for the prober to find out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from everup.config import addresses
from everup.config.errors import did_you_mean
from everup.config.reading import Field, duration, take, text, whole, words
from everup.model.recipes import parse_recipe
from everup.model.settings import Settings
from everup.model.stack import HookSpec, ProbeSpec

T = TypeVar("T")
SHORT_FORM = '"http://…", "tcp://host:port" or "exec:command"'
KINDS = ("http", "tcp", "exec", "postgres", "redis")
PROBE_FIELDS = (*KINDS, "interval_s", "timeout_s", "expect_status")
HOOK_FIELDS = ("http", "exec", "recipe", "timeout_s")
HOOKS = ("cache_clear", "reconnect", "busy", "free_space", "dump")
"""Hooks that some action asks for. Others are kept, with a warning that nobody calls them."""

_DATABASES = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
}
PROBE_TIMEOUT_MOST_S = 300.0
_interval = duration(0.2, 86400.0)
_timeout = duration(0.1, PROBE_TIMEOUT_MOST_S)


def probe(field: Field, settings: Settings) -> ProbeSpec | None:
    """A probe in either form; what it leaves out comes from the settings."""
    default = ProbeSpec(interval_s=settings.sample_interval_s, timeout_s=settings.probe_timeout_s)
    if field.node.kind != "mapping":
        return _short(field, default)
    given = field.fields(PROBE_FIELDS, SHORT_FORM)
    targets = [name for name in KINDS if name in given]
    if len(targets) != 1:
        said = " and ".join(targets) or "none"
        field.wrong(f"needs exactly one of {', '.join(KINDS[:-1])} and {KINDS[-1]}, and has {said}")
        return None
    kind = targets[0]
    found = _TARGETS[kind](given[kind], default)
    if "expect_status" in given and kind != "http":
        given["expect_status"].wrong(f"means nothing for a {kind} probe", "remove it")
    if found is None:
        return None
    return replace(
        found,
        interval_s=take(given, "interval_s", _interval, default.interval_s),
        timeout_s=take(given, "timeout_s", _timeout, default.timeout_s),
        expect_status=take(given, "expect_status", _statuses, default.expect_status),
    )


def hook(field: Field) -> HookSpec | None:
    """A hook: a command as list or line, an HTTP call as `POST http://…`, or the long form."""
    default = HookSpec()
    if field.node.kind != "mapping":
        return _short_hook(field)
    given = field.fields(HOOK_FIELDS, "exec:, http: or recipe:")
    if sum(way in given for way in ("http", "exec", "recipe")) != 1:
        field.wrong("needs exactly one of http, exec and recipe")
        return None
    timeout_s = take(given, "timeout_s", _timeout, default.timeout_s)
    if "exec" in given:
        command = words(given["exec"])
        return None if command is None else HookSpec(command=command, timeout_s=timeout_s)
    if "recipe" in given:
        recipe = _checked(given["recipe"], parse_recipe)
        return None if recipe is None else HookSpec(recipe=recipe, timeout_s=timeout_s)
    call = _checked(given["http"], addresses.request_line)
    return None if call is None else HookSpec(http=call, timeout_s=timeout_s)


def _short(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    line = text(field) if field.is_a("scalar", SHORT_FORM) else None
    if line is None:
        return None
    if line.startswith("exec:"):
        return _exec(_rest(field, "exec:"), default)
    if line.startswith("tcp://"):
        return _tcp(field, default)
    if line.startswith(("http://", "https://")):
        return _http(field, default)
    scheme = line.partition(":")[0]
    database = _DATABASES.get(scheme)
    if "://" in line and database:
        field.wrong(
            "is an address with credentials or a database, which a probe never needs",
            f'write probe: {{{database}: "host:port"}}',
            has_value=False,
        )
    elif "://" in line:
        hint = did_you_mean(scheme, ("http", "https", "tcp"))
        field.wrong("has an unknown scheme", f"{hint} A probe is {SHORT_FORM}")
    else:
        field.wrong("has no scheme", f"write {SHORT_FORM}, for example http://{line}")
    return None


def _short_hook(field: Field) -> HookSpec | None:
    if field.node.kind == "scalar":
        if field.raw.startswith("exec:"):
            field = _rest(field, "exec:")
        elif addresses.is_request(field.raw):
            call = _checked(field, addresses.request_line)
            return None if call is None else HookSpec(http=call)
    command = words(field)
    return None if command is None else HookSpec(command=command)


def _http(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    url = _checked(field, addresses.web_address)
    return None if url is None else replace(default, http=url)


def _tcp(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    target = _checked(field, addresses.joined)
    return None if target is None else replace(default, tcp=target)


def _postgres(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    target = _checked(field, addresses.postgres_socket)
    return None if target is None else replace(default, postgres=target)


def _redis(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    target = _checked(field, addresses.host_or_socket)
    return None if target is None else replace(default, redis=target)


def _exec(field: Field, default: ProbeSpec) -> ProbeSpec | None:
    command = words(field)
    return None if command is None else replace(default, command=command)


_TARGETS: dict[str, Callable[[Field, ProbeSpec], ProbeSpec | None]] = {
    "http": _http,
    "tcp": _tcp,
    "exec": _exec,
    "postgres": _postgres,
    "redis": _redis,
}


def _checked(field: Field, check: Callable[[str], T]) -> T | None:
    line = text(field)
    if line is None:
        return None
    try:
        return check(line)
    except ValueError as error:
        field.wrong(str(error))
        return None


def _rest(field: Field, prefix: str) -> Field:
    return replace(field, node=replace(field.node, raw=field.raw[len(prefix) :].strip()))


def _statuses(field: Field) -> tuple[int, int] | None:
    read = whole(100, 599)
    values = [read(item) for item in field.items("200, or [200, 399]")]
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        return None
    if len(known) not in (1, 2) or known[0] > known[-1]:
        field.wrong("is neither a status nor a range", "write 200, or [200, 399]")
        return None
    return known[0], known[-1]
