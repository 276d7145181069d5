"""`notify:` and `heartbeat:` of the top level → NotifierSpec and HeartbeatSpec.

Called by `options`. Addresses may be secrets: they can come from a variable (`url_env`), and none
is ever part of a problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from everup.config.addresses import system_url
from everup.config.reading import Field, choice, duration, flag, maybe, take, text, whole, words
from everup.model.notice import TOLD_BY_DEFAULT, HeartbeatSpec, NotifierSpec, Occasion

NOTIFY_FIELDS = ("on", "log", "command", "webhook")
COMMON_FIELDS = ("name", "on", "timeout_s", "attempts")
COMMAND_FIELDS = ("exec", *COMMON_FIELDS)
WEBHOOK_FIELDS = ("url", "url_env", *COMMON_FIELDS)
HEARTBEAT_FIELDS = ("url", "url_env", "every", "timeout_s", "method")
NOTIFIERS_MOST = 16
EVERY_LEAST_S, EVERY_MOST_S = 5.0, 86400.0
EXAMPLE = "https://hooks.example.com/everup"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_timeout = duration(0.5, 60.0)
_attempts = whole(1, 10)


def notifiers(
    field: Field | None, environ: Mapping[str, str], folder: Path
) -> tuple[NotifierSpec, ...]:
    """All that are declared, each with a name of its own; none where nothing is declared."""
    if field is None:
        return ()
    given = field.fields(NOTIFY_FIELDS, "log, command or webhook, and on")
    on = take(given, "on", occasions, TOLD_BY_DEFAULT)
    found: list[NotifierSpec] = []
    if "log" in given and flag(given["log"]):
        found.append(NotifierSpec("log", "log", on))
    for item in _blocks(given, "command"):
        found += _command(item, on, folder, _next_name("command", found))
    for item in _blocks(given, "webhook"):
        found += _webhook(item, on, environ, _next_name("webhook", found))
    names = [spec.name for spec in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        field.wrong(f"has two notifiers named '{name}'", "give each a name of its own")
    if len(found) > NOTIFIERS_MOST:
        field.wrong(f"has more than {NOTIFIERS_MOST} notifiers", "let one of them fan out")
    if not found and {entry.key for entry in field.node.entries} <= {"on"}:
        field.wrong("names nobody to tell", "add log: true, command: or webhook:")
    return tuple(found)


def occasions(field: Field) -> frozenset[Occasion] | None:
    """`[escalated, frozen, resolved, opened]` or some of them; escalations are always told."""
    read = choice(Occasion)
    items = field.items("a list of opened, escalated, resolved, frozen")
    found = [read(item) for item in items]
    known = frozenset(word for word in found if word is not None)
    return None if None in found else known | {Occasion.ESCALATED}


def heartbeat(field: Field | None, environ: Mapping[str, str]) -> HeartbeatSpec | None:
    """`heartbeat: https://…`, or its block."""
    if field is None:
        return None
    if field.node.kind != "mapping":
        return heartbeat_from(field, None)
    given = field.fields(HEARTBEAT_FIELDS, "url or url_env, and every")
    url = _url(field, given, environ)
    default = HeartbeatSpec("")
    spec = HeartbeatSpec(
        url or "",
        every_s=take(given, "every", duration(EVERY_LEAST_S, EVERY_MOST_S), default.every_s),
        timeout_s=take(given, "timeout_s", _timeout, default.timeout_s),
        method=take(given, "method", _method, default.method),
    )
    return spec if url else None


def heartbeat_from(field: Field, known: HeartbeatSpec | None) -> HeartbeatSpec | None:
    """An address alone, from the file or the environment, over what is known."""
    url = _address(field)
    if url is None:
        return known
    default = known or HeartbeatSpec("")
    return HeartbeatSpec(url, default.every_s, default.timeout_s, default.method)


def _blocks(given: Mapping[str, Field], name: str) -> list[Field]:
    """One of them, or a list. A list of nothing but texts under `command` is one command."""
    field = given.get(name)
    if field is None:
        return []
    nodes = field.node.items
    is_one = name == "command" and not any(node.kind == "mapping" for node in nodes)
    return [field] if field.node.kind != "list" or is_one else field.items("blocks")


def _next_name(kind: str, found: list[NotifierSpec]) -> str:
    number = sum(spec.kind == kind for spec in found) + 1
    return kind if number == 1 else f"{kind}-{number}"


def _command(field: Field, on: frozenset[Occasion], folder: Path, name: str) -> list[NotifierSpec]:
    given = {"exec": field}
    if field.node.kind == "mapping":
        given = field.fields(COMMAND_FIELDS, "exec:, name, on, timeout_s and attempts")
    if "exec" not in given:
        field.wrong("says no command", "add exec: [./page, oncall]")
        return []
    command = words(given["exec"])
    if command is None:
        return []
    if "/" in command[0]:
        command = (str((folder / command[0]).absolute()), *command[1:])
    return [_spec("command", name, given, on, command=command)]


def _webhook(
    field: Field, on: frozenset[Occasion], environ: Mapping[str, str], name: str
) -> list[NotifierSpec]:
    if field.node.kind != "mapping":
        url, given = _address(field), {}
    else:
        given = field.fields(WEBHOOK_FIELDS, "url or url_env, name, on, timeout_s and attempts")
        url = _url(field, given, environ)
    return [] if url is None else [_spec("webhook", name, given, on, url=url)]


def _spec(
    kind: str,
    name: str,
    given: Mapping[str, Field],
    on: frozenset[Occasion],
    *,
    command: tuple[str, ...] = (),
    url: str = "",
) -> NotifierSpec:
    default = NotifierSpec(kind, name)
    return NotifierSpec(
        kind,
        take(given, "name", _name, name),
        take(given, "on", occasions, on),
        command,
        url,
        take(given, "timeout_s", _timeout, default.timeout_s),
        take(given, "attempts", _attempts, default.attempts),
    )


def _name(field: Field) -> str | None:
    name = text(field)
    if name is not None and not _NAME.fullmatch(name):
        field.wrong("is not a name for a notifier", "use at most 32 small letters, digits, - and _")
        return None
    return name


def _url(field: Field, given: Mapping[str, Field], environ: Mapping[str, str]) -> str | None:
    if ("url" in given) == ("url_env" in given):
        field.wrong("needs exactly one of url and url_env")
        return None
    if "url" in given:
        return _address(given["url"])
    variable = maybe(given, "url_env", text)
    if variable is None:
        return None
    value = environ.get(variable, "").strip()
    if not value:
        given["url_env"].wrong("is a variable that is not set", "set it to the address")
        return None
    return _address(given["url_env"], value)


def _address(field: Field, value: str | None = None) -> str | None:
    """An http or https address. What is wrong with it is said, and it is not shown."""
    url = text(field) if value is None else value
    if url is None:
        return None
    try:
        return system_url(url, ("http", "https"), EXAMPLE)
    except ValueError as error:
        field.wrong(str(error), has_value=False)
        return None


def _method(field: Field) -> str | None:
    word = (text(field) or "").upper()
    if word not in ("GET", "POST"):
        field.wrong("is neither GET nor POST", "write GET or POST")
        return None
    return word
