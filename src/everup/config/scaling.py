"""`scaling:` of a service → ScalingSpec, and `prices:` of the stack → Prices.

Called by `service` and `document`; what needs the whole service is checked by `check_scaling`, for
services that are found too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TypeVar

from everup.config.addresses import web_address
from everup.config.maintenance import WINDOW_FIELDS, window
from everup.config.reading import Field, Reader, choice, duration, maybe, number, take, text, whole
from everup.config.reading import words as command
from everup.model import sizing_words as words
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN
from everup.model.sizing import Band, Planned, Prices, QueueSpec, ScalingSpec
from everup.model.stack import ServiceSpec

T = TypeVar("T")
SCALING_FIELDS = (
    *("axis", "cpu", "memory", "latency", "errors", "shortage", "queue", "plan", "idle"),
)
IN_MODEL: Mapping[str, str] = {
    "axis": "axis",
    "cpu": "cpu",
    "memory": "memory",
    "latency": "latency_target_s",
    "errors": "errors_most",
    "shortage": "shortage_most",
    "queue": "queue",
    "plan": "planned",
    "idle": "idle_s",
}
BAND_FIELDS = ("out", "in")
QUEUE_KINDS = ("redis", "http", "command")
OF_REDIS = ("key", "user", "password_env")
QUEUE_FIELDS = (*QUEUE_KINDS, *OF_REDIS, "per_instance")
PLAN_FIELDS = (*(name for name in WINDOW_FIELDS if name != "services"), "instances")
PRICE_FIELDS = tuple(f.name for f in fields(Prices))
PRICE_MOST = 1000.0
LATENCY_LEAST_S, LATENCY_MOST_S = 0.001, 3600.0
IDLE_LEAST_S, IDLE_MOST_S = 60.0, 30 * 86400.0
SHORTAGE_LEAST, SHORTAGE_MOST = 0.0001, 0.5
PER_INSTANCE_LEAST, PER_INSTANCE_MOST = 0.001, 1e9
KEY_CHARS_MOST = 512
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHAT = "fields like cpu:, latency: and queue:"


def scaling(field: Field) -> ScalingSpec | None:
    """All of it; what is wrong is said, and left as nobody had said it."""
    given = field.fields(SCALING_FIELDS, _WHAT)
    nobody = ScalingSpec()
    return ScalingSpec(
        axis=maybe(given, "axis", choice(Axis)),
        cpu=maybe(given, "cpu", _band(words.CPU_MOST)),
        memory=maybe(given, "memory", _band(words.MEMORY_MOST)),
        latency_target_s=take(given, "latency", duration(LATENCY_LEAST_S, LATENCY_MOST_S), UNKNOWN),
        errors_most=take(given, "errors", _share(0.0, 1.0), nobody.errors_most),
        shortage_most=take(
            given, "shortage", _share(SHORTAGE_LEAST, SHORTAGE_MOST), nobody.shortage_most
        ),
        queue=maybe(given, "queue", _queue),
        planned=take(given, "plan", _plan, ()),
        idle_s=take(given, "idle", duration(IDLE_LEAST_S, IDLE_MOST_S), 0.0),
    )


def laid_over(found: ScalingSpec | None, field: Field, own: ScalingSpec | None) -> ScalingSpec:
    """What the file says in place of what labels say; the rest of theirs stays."""
    if found is None or own is None:
        return own or found or ScalingSpec()
    said = {IN_MODEL[e.key] for e in field.node.entries if e.key in IN_MODEL}
    return replace(found, **{name: getattr(own, name) for name in said})


def check_scaling(spec: ServiceSpec, given: Mapping[str, Field]) -> None:
    """What does not go together with the rest of the service."""
    field, said = given.get("scaling"), spec.scaling
    if field is None or said is None:
        return
    if spec.is_one_shot:
        field.wrong("makes no sense for a one-shot, which runs once and ends", "remove it")
        return
    if said.idle_s and spec.is_stateful:
        _at(field, "idle").wrong(
            "would have a stateful service end, and who needs its data wait", "remove it"
        )
    elif said.idle_s and spec.min_instances and _says_least(given):
        _at(field, "idle").wrong(
            f"contradicts instances: min is {spec.min_instances}",
            "write min: 0, or remove idle",
        )
    most = max((planned.instances for planned in said.planned), default=0)
    if most > spec.max_instances:
        _at(field, "plan").wrong(
            f"asks for {most} instances, above the most, {spec.max_instances}",
            "raise max under instances",
            has_value=False,
        )


def prices(field: Field) -> Prices | None:
    """What a processor and a GiB cost for an hour."""
    given = field.fields(PRICE_FIELDS, "cpu_hour, gb_hour and currency")
    if not given:
        return None
    price, usual = number(0.0, PRICE_MOST), Prices()
    if "currency" in given:
        missing = [name for name in PRICE_FIELDS[:-1] if name not in given]
        if missing:
            field.wrong(
                f"names a currency and no {' and no '.join(missing)}",
                f"the defaults are in {usual.currency}; write both prices",
            )
    return Prices(
        take(given, "cpu_hour", price, usual.cpu_hour),
        take(given, "gb_hour", price, usual.gb_hour),
        take(given, "currency", _currency, usual.currency),
    )


def _says_least(given: Mapping[str, Field]) -> bool:
    field = given.get("instances")
    return field is not None and any(entry.key == "min" for entry in field.node.entries)


def _at(field: Field, name: str) -> Field:
    """The field of this name in a block, or the block where it is not there."""
    found = (e for e in field.node.entries if e.key == name)
    return next((field.child(name, entry.node) for entry in found), field)


def _spoken(field: Field, parse: Callable[[str], T]) -> T | None:
    line = text(field)
    if line is None:
        return None
    try:
        return parse(line)
    except ValueError as error:
        said, _, fix = str(error).partition("; ")
        field.wrong(said, fix)
        return None


def _share(least: float, most: float) -> Reader[float]:
    return lambda field: _spoken(field, lambda line: words.parse_share(line, least, most))


def _band(most: float) -> Reader[Band]:
    def read(field: Field) -> Band | None:
        if field.node.kind != "mapping":
            return _spoken(field, lambda line: words.parse_band(line, most))
        given = field.fields(BAND_FIELDS, "out and in")
        missing = [name for name in BAND_FIELDS if name not in given]
        if missing:
            field.wrong(f"has no {' and no '.join(missing)}", "write {out: 70%, in: 30%}")
            return None
        out, into = (maybe(given, name, _share(0.0, most)) for name in BAND_FIELDS)
        if out is None or into is None:
            return None
        try:
            return words.band(out, into)
        except ValueError as error:
            said, _, fix = str(error).partition("; ")
            field.wrong(said, fix)
            return None

    return read


def _queue(field: Field) -> QueueSpec | None:
    given = field.fields(QUEUE_FIELDS, "one of redis, http and command, and per_instance")
    kinds = [kind for kind in QUEUE_KINDS if kind in given]
    if not given:
        return None
    if len(kinds) != 1:
        has = " and ".join(kinds) or "none"
        field.wrong(f"needs exactly one of redis, http and command, and has {has}")
    if "per_instance" not in given:
        field.wrong("has no per_instance", "say how many entries one instance may have waiting")
    for name in OF_REDIS:
        if name in given and "redis" not in given:
            given[name].wrong("means something for redis alone", "remove it")
    if "redis" in given and "key" not in given:
        field.wrong("has no key", "name the key of the list or stream: key: jobs")
    if "user" in given and "password_env" not in given:
        given["user"].wrong("has no password", "name its variable: password_env: JOBS_PASSWORD")
    found = QueueSpec(
        redis=maybe(given, "redis", lambda f: _spoken(f, words.parse_redis)),
        key=take(given, "key", _key, ""),
        http=maybe(given, "http", lambda f: _spoken(f, web_address)),
        command=take(given, "command", command, ()),
        per_instance=take(
            given, "per_instance", number(PER_INSTANCE_LEAST, PER_INSTANCE_MOST), 1.0
        ),
        user=take(given, "user", text, ""),
        password_env=take(given, "password_env", _variable, ""),
    )
    return found if found.targets else None


def _variable(field: Field) -> str | None:
    line = text(field)
    if line is not None and _VARIABLE.fullmatch(line) is None:
        field.wrong("is no name of a variable", "name the variable that holds the password")
        return None
    return line


def _key(field: Field) -> str | None:
    line = text(field)
    if line is not None and len(line.encode()) > KEY_CHARS_MOST:
        field.wrong("is too long for a key here", f"use at most {KEY_CHARS_MOST} bytes")
        return None
    return line


def _plan(field: Field) -> tuple[Planned, ...] | None:
    items = field.items("windows with from, to and instances") if _is_list(field) else [field]
    if len(items) > words.PLANNED_MOST:
        field.wrong(f"has more than {words.PLANNED_MOST} windows", "join some of them")
        return None
    found = [_planned(item) for item in items]
    return tuple(planned for planned in found if planned is not None)


def _is_list(field: Field) -> bool:
    return field.node.kind != "mapping"


def _planned(field: Field) -> Planned | None:
    given = field.fields(PLAN_FIELDS, "windows with from, to and instances")
    if not given:
        return None
    if "instances" not in given:
        field.wrong("has no instances", "say how many there are to be at least")
    stretch = window(field, given, ())
    count = maybe(given, "instances", whole(1, words.INSTANCES_MOST))
    return None if stretch is None or count is None else Planned(stretch, count)


def _currency(field: Field) -> str | None:
    line = text(field)
    if line is not None and not (len(line) == 3 and line.isascii() and line.isalpha()):
        field.wrong("is no currency", "write its three letters, like EUR")
        return None
    return None if line is None else line.upper()
