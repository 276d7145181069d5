"""`scaling` of a service and `prices` of the top level, as `config.scaling` reads them."""

from __future__ import annotations

from typing import Any

from everup.config.scaling import (
    IDLE_LEAST_S,
    IDLE_MOST_S,
    LATENCY_LEAST_S,
    LATENCY_MOST_S,
    PER_INSTANCE_LEAST,
    PER_INSTANCE_MOST,
    PRICE_MOST,
    QUEUE_KINDS,
)
from everup.config.schema.parts import (
    Part,
    block,
    choice,
    command,
    described,
    duration,
    either,
    number,
    one_of,
    text,
    whole,
)
from everup.config.schema.windows import window_fields
from everup.model.axis import Axis
from everup.model.sizing import LIST_PRICES, ScalingSpec
from everup.model.sizing_words import CPU_MOST, INSTANCES_MOST, MEMORY_MOST, PLANNED_MOST

_SHARE = r"\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*%?\s*"
_URL = r"[hH][tT][tT][pP][sS]?://[^\s/@?#]+([/?#]\S*)?"
_BAND = rf"^{_SHARE}/{_SHARE}$"
_NOBODY = ScalingSpec()


def scaling() -> Part:
    """Of a service."""
    fields = {
        "axis": described(
            choice(Axis),
            "In which way it grows: count (more instances), size (larger ones), both, none; "
            "without, as its nature says.",
            "count",
        ),
        "cpu": _band(CPU_MOST, "Use of a processor", "70%/30%"),
        "memory": _band(MEMORY_MOST, "Use of its memory limit", "80%/40%"),
        "latency": described(
            duration(LATENCY_LEAST_S, LATENCY_MOST_S),
            "It is within its capacity while answers take no longer.",
            "250ms",
        ),
        "errors": described(
            share(1.0),
            "And while no larger share of them fails.",
            "1%",
            default=_NOBODY.errors_most,
        ),
        "shortage": described(
            share(0.5),
            "Chance of a shortage that may remain; without, its price decides.",
            "1%",
        ),
        "queue": _queue(),
        "plan": _plan(),
        "idle": described(
            duration(IDLE_LEAST_S, IDLE_MOST_S),
            "After so long without work there is none of it; never without.",
            "15m",
        ),
    }
    return described(
        block(fields), "How it is to be scaled.", {"cpu": "70%/30%", "latency": "250ms"}
    )


def prices() -> Part:
    """At the top of the file."""
    price, usual = number(0.0, PRICE_MOST), LIST_PRICES
    fields = {
        "cpu_hour": described(
            price, "What a processor costs for an hour.", 0.03, default=usual.cpu_hour
        ),
        "gb_hour": described(
            price, "What a GiB of memory costs for an hour.", 0.004, default=usual.gb_hour
        ),
        "currency": described(
            text("^[A-Za-z]{3}$"), "Its three letters.", "EUR", default=usual.currency
        ),
    }
    return described(
        {**block(fields), "dependencies": {"currency": ["cpu_hour", "gb_hour"]}},
        "What the machine costs, to say what scaling saves.",
        {"cpu_hour": 0.03, "gb_hour": 0.004, "currency": "EUR"},
    )


def share(most: float) -> Part:
    """A part of a whole: 70% or 0.7."""
    return {
        "type": ["number", "string"],
        "minimum": 0.0,
        "maximum": most,
        "pattern": f"^{_SHARE}$",
    }


def _band(most: float, of: str, example: str) -> Part:
    out, _, into = example.partition("/")
    short = {"type": "string", "pattern": _BAND}
    long = block(
        {
            "out": described(share(most), "More above it.", out),
            "in": described(share(most), "Less below it.", into),
        },
        required=("out", "in"),
    )
    text = f"{of} above which there is to be more, and below which less; the usual ones without."
    return described(either(short, long), text, example, {"out": out, "in": into})


def _queue() -> Part:
    fields: dict[str, Any] = {
        "redis": described(
            text(r"^\s*(redis://)?[^/@]+:([0-9]+|\{port\})(/[0-9]+)?\s*$"),
            "host:port of a Redis, and the number of its database.",
            "127.0.0.1:6379/0",
        ),
        "key": described(text(), "For redis: its list, set, sorted set or stream.", "jobs"),
        "user": described(text(), "For redis: who asks, where it is not the default user.", "app"),
        "password_env": described(
            text(r"^[A-Za-z_][A-Za-z0-9_]*$"),
            "For redis: the variable of Everup's environment that holds the password.",
            "JOBS_PASSWORD",
        ),
        "http": described(
            text(f"^{_URL}$"),
            "A URL that answers a number, or JSON with the field behind the #.",
            "http://127.0.0.1:8080/stats#queue.length",
        ),
        "command": described(command(), "A command that prints a number.", "./how-many-wait"),
        "per_instance": described(
            number(PER_INSTANCE_LEAST, PER_INSTANCE_MOST),
            "How many entries one instance may have waiting.",
            20,
        ),
    }
    alone = {
        **one_of(QUEUE_KINDS),
        "dependencies": {
            "key": ["redis"],
            "redis": ["key"],
            "user": ["redis", "password_env"],
            "password_env": ["redis"],
        },
    }
    return described(
        {**block(fields, required=("per_instance",)), **alone},
        "Where work waits that it fetches itself.",
        {"redis": "127.0.0.1:6379/0", "key": "jobs", "per_instance": 20},
    )


def _plan() -> Part:
    fields = {
        **window_fields(),
        "instances": described(whole(1, INSTANCES_MOST), "So many there are at least.", 4),
    }
    one = block(fields, required=("from", "to", "instances"))
    return described(
        {**one, "type": ["object", "array"], "items": one, "maxItems": PLANNED_MOST},
        "Times for which more instances are wanted beforehand.",
        [{"days": ["mon"], "from": "08:00", "to": "18:00", "instances": 4}],
    )
