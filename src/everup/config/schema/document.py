"""The whole file: top level, thresholds, settings, maintenance. `build` is the way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from everup.config.careful import Pace
from everup.config.document import SERVICES_MOST
from everup.config.load import RUNTIMES
from everup.config.options import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    TIME_SCALE_LEAST,
    TIME_SCALE_MOST,
)
from everup.config.schema.notices import notices
from everup.config.schema.parts import (
    Part,
    block,
    choice,
    described,
    duration,
    flag,
    name,
    number,
    size,
    text,
    whole,
)
from everup.config.schema.routers import router
from everup.config.schema.scaling import prices
from everup.config.schema.service import MODES, modes, service, service_name
from everup.config.schema.windows import maintenance, quiet_hours
from everup.config.service import NAME, NAME_LENGTH_MOST
from everup.config.settings_rules import (
    NAMES,
    THRESHOLD_NAMES,
    THRESHOLD_TEXTS,
    bounds_of,
    is_switch,
)
from everup.model.settings import Settings

DIALECT = "http://json-schema.org/draft-07/schema#"
_DEFAULTS = asdict(Settings())


def build(texts: Mapping[str, str]) -> Part:
    """The schema. `texts`: what each setting means, see `texts`.

    Raises:
        KeyError: a setting without a text.
    """
    return {
        "$schema": DIALECT,
        "title": "everup.yaml",
        "description": "A stack for Everup to watch and heal. everup check says everything else "
        "that is wrong: what needs more than one value to be seen is not in this schema.",
        **block(_fields(texts)),
        "anyOf": [{"required": ["stack", "services"]}, {"required": ["project"]}],
        "patternProperties": {"^x-": {"description": "Your own, to keep anchors in."}},
        "definitions": {"service": service(), "modes": modes()},
    }


def _fields(texts: Mapping[str, str]) -> dict[str, Part]:
    said = {**texts, **{THRESHOLD_NAMES[given]: words for given, words in THRESHOLD_TEXTS.items()}}
    return {
        "stack": described(
            name(NAME.pattern, NAME_LENGTH_MOST),
            "Name of the stack: small letters, digits, - and _.",
            "my-stack",
        ),
        "project": described(
            text(),
            "With runtime: docker, the project on the engine that this file says more of; what it "
            "does not say is found. By default it is called like the stack.",
            "shop",
        ),
        "services": _services(),
        "runtime": described(
            text(),
            "What runs the services; plugins may add others.",
            RUNTIMES[0],
            default=RUNTIMES[0],
        ),
        "mode": described(
            choice(Pace),
            "How far Everup may go by itself: observe says what it would do, approve asks a "
            "person, auto does it; careful is auto for restarts of what keeps no data, approve for "
            "the rest.",
            "careful",
            default=Pace.OBSERVE.value,
        ),
        "modes": {"$ref": MODES},
        "time_scale": described(
            number(TIME_SCALE_LEAST, TIME_SCALE_MOST),
            "Pace of everything, for demos and tests: 0.2 is five times as fast.",
            0.2,
            default=1.0,
        ),
        "listen": described(
            {
                "type": ["string", "integer"],
                "pattern": r"^(tcp://)?(\S*:)?[0-9]{1,5}/?$",
                "minimum": 1,
                "maximum": 65535,
            },
            "Address of the API; a port alone means loopback.",
            8010,
            "[::1]:8010",
            default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
        ),
        "thresholds": described(
            block(
                {
                    given: _setting(field, THRESHOLD_TEXTS[given])
                    for given, field in THRESHOLD_NAMES.items()
                }
            ),
            "Scores from which an action may be used.",
            {"health_score": 0.7, "failure_threshold": 3},
        ),
        "settings": described(
            block({field: _setting(field, said[field]) for field in NAMES}),
            "Constants of the loop, the gate and the verifier, by their names.",
            {"tick_s": 30, "cooldown_s": "5m"},
        ),
        "maintenance": maintenance(),
        "quiet_hours": quiet_hours(for_one=False),
        **notices(),
        **router(),
        "prices": prices(),
    }


def _services() -> Part:
    one = {"$ref": "#/definitions/service"}
    listed = {
        "type": ["string", "integer", "boolean", "object"],
        "maxProperties": 1,
        "minProperties": 1,
        "additionalProperties": one,
        "propertyNames": service_name(),
        **service_name(),
    }
    return described(
        {
            "type": ["object", "array"],
            "propertyNames": service_name(),
            "additionalProperties": one,
            "minProperties": 1,
            "maxProperties": SERVICES_MOST,
            "items": listed,
            "minItems": 1,
            "maxItems": SERVICES_MOST,
        },
        "What to watch, by name: a probe, or a block of fields.",
        {"web": "http://127.0.0.1:8080/health", "cache": "tcp://127.0.0.1:6379"},
        ["web", "cache"],
    )


def _setting(field: str, said: str) -> Part:
    default: Any = _DEFAULTS[field]
    if is_switch(field):
        return described(flag(), said, default, default=default)
    low, high = bounds_of(field)
    if field.endswith("_bytes"):
        return described(size(low, high), said, "512MiB", default=default)
    if field.endswith("_s"):
        return described(duration(low, high), said, f"{default:g}s", default=default)
    if isinstance(default, int):
        return described(whole(int(low), int(high)), said, default, default=default)
    return described(number(low, high), said, default, default=default)
