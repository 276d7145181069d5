"""One service as a block: every field of `service`, `parts`, `probe` and `dependencies`."""

from __future__ import annotations

import signal

from everup.config.dependencies import DEFAULT_WEIGHT, NO_EDGE
from everup.config.parts import (
    ASKED_ONLY,
    CONFIG_FILES_MOST,
    ENV_MOST,
    LABELS_MOST,
    WhenStopped,
)
from everup.config.router import NAME as ROUTER_NAME
from everup.config.schema.parts import (
    SCALARS,
    Part,
    block,
    choice,
    command,
    described,
    duration,
    either,
    flag,
    number,
    size,
    some,
    text,
    whole,
)
from everup.config.schema.scaling import scaling
from everup.config.schema.targets import hooks, probe, short_probe
from everup.config.schema.windows import quiet_hours
from everup.config.service import (
    NAME,
    NAME_LENGTH_MOST,
    QUARANTINE_LEAST_S,
    QUARANTINE_MOST_S,
)
from everup.model.kinds import ActionKind, DependencyKind, Mode
from everup.model.scaling import Spread
from everup.model.sizing_words import INSTANCES_MOST
from everup.model.stack import FREEZE_LABEL, StopSpec

MODES = "#/definitions/modes"
_NOT_STOPPING = {"SIGKILL", "SIGSTOP", "SIGCONT", "SIGCHLD"}
_count = whole(0, INSTANCES_MOST)


def service() -> Part:
    """A probe in its short form, a block of fields, or nothing at all."""
    part = either(short_probe(), block(_fields()))
    return {**part, "type": [*part["type"], "null"]}


def mode() -> Part:
    """`mode:` of a service."""
    return described(
        choice(Mode),
        "How far Everup may go by itself with this service: observe says what it would do, approve "
        "asks a person, auto does it.",
        "auto",
    )


def modes() -> Part:
    """`modes:` with one field for each kind that Everup may propose."""
    kinds = {
        kind.value: described(choice(Mode), f"How far Everup may go with {kind.value}.", "approve")
        for kind in ActionKind
        if kind not in ASKED_ONLY
    }
    return described(
        block(kinds),
        "Mode of single action kinds; the narrowest word wins.",
        {"recreate": "approve"},
    )


def service_name() -> Part:
    """What a service may be called; for keys, which are always texts."""
    return {"pattern": f"^{NAME.pattern}$", "maxLength": NAME_LENGTH_MOST}


def _fields() -> dict[str, Part]:
    return {**_how_it_runs(), **_how_it_is_handled()}


def _how_it_runs() -> dict[str, Part]:
    return {
        "command": described(
            command(),
            "What to run: a list of words, or a line that is split as a shell would; no shell runs "
            "it. Without it the service is only watched.",
            ["postgres", "-D", "data"],
            "python -m shop.api",
        ),
        "directory": described(
            text(), "Folder to run in, relative to the folder of this file.", "api"
        ),
        "env": described(
            {
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": {"type": list(SCALARS)},
                "maxProperties": ENV_MOST,
            },
            "Variables added to those of Everup; values are taken as they are written.",
            {"LOG_LEVEL": "info"},
        ),
        "user": described(
            text(), "Account to run as, name or name:group; needs root.", "nobody", "www:www"
        ),
        "port": described(
            whole(1, 65535), "Port of the first instance; instance i gets port + i.", 9101
        ),
        "instances": _instances(),
        "probe": probe(),
        "depends_on": _depends_on(),
        "limits": described(
            block(
                {
                    "memory": described(
                        size(2.0**20, 2.0**46), "Memory of one instance.", "512MiB", "1.5GiB"
                    ),
                    "cpus": described(number(0.01, 1024.0), "Processors of one instance.", 0.5),
                    "connections": described(
                        number(1.0, 1e6),
                        "Connections that one instance takes at a time; nothing enforces it, and "
                        "it is foretold when they run out.",
                        100,
                    ),
                }
            ),
            "What one instance may use.",
            {"memory": "512MiB", "cpus": 0.5},
        ),
    }


def _how_it_is_handled() -> dict[str, Part]:
    return {
        "priority": described(
            whole(-1000, 1000), "Higher goes first where an order is free.", 100, default=0
        ),
        "stateful": described(
            flag(), "Holds data, and is handled with care; guessed from the program without.", True
        ),
        **_how_it_goes_back(),
        "one_shot": described(
            flag(), "Runs once and ends; its end with 0 is no fault.", True, default=False
        ),
        "start_period_s": described(
            duration(0.0, 86400.0),
            "How long a start may take before it can be called unhealthy.",
            "1m30s",
            30,
        ),
        "recovery_most_s": described(
            duration(1.0, 7 * 86400.0),
            "How long it may say that it is coming before a person is told.",
            "30m",
        ),
        "stop": _stop(),
        "hooks": hooks(),
        "busy_most_s": described(
            duration(1.0, 7 * 86400.0),
            "How long it may be busy, when it is sick, before a person is told.",
            "1h",
        ),
        "quarantine": described(
            duration(QUARANTINE_LEAST_S, QUARANTINE_MOST_S),
            "How long a sick instance that was replaced is kept aside for a person, frozen.",
            "1h",
        ),
        "spread": described(
            choice(Spread),
            "Who brings work to further copies; without anybody there are none.",
            "queue",
            default=Spread.NONE.value,
        ),
        "router": _route(),
        "scaling": scaling(),
        "standby": described(
            text(), "The service that takes its place by failover, once a person agrees.", "db-2"
        ),
        "releases": _releases(),
        **_what_may_be_done(),
    }


def _how_it_goes_back() -> dict[str, Part]:
    return {
        "rollback_safe": described(
            flag(),
            "It keeps data, and an older version can read it: it may go back, when asked.",
            True,
            default=False,
        ),
        "one_way": described(
            flag(),
            "Its schema changes with it, so that an older version cannot run: it never goes back.",
            True,
            default=False,
        ),
        "config_files": described(
            some(text(), most=CONFIG_FILES_MOST),
            "Files and small folders that it reads its configuration from, or none.",
            "app.conf",
            ["app.conf", "conf.d"],
        ),
        "restore_files": described(
            flag(),
            "A rollback may put its configuration files back without asking anybody.",
            True,
            default=False,
        ),
    }


def _route() -> Part:
    kind = {"type": "string", "pattern": f"^{ROUTER_NAME.pattern}$"}
    marked = {"type": "string", "pattern": r"^([A-Za-z0-9_.:-]|\{instance\}|\{number\})+$"}
    parts = block(
        {
            "backend": described(kind, "The backend, or the listen section.", "be_web"),
            "server": described(marked, "How its servers are called there.", "web{number}"),
            "port": described(whole(1, 65535), "The port of its servers.", 8080),
        }
    )
    return described(
        {**parts, "type": ["string", "object"], "pattern": f"^{ROUTER_NAME.pattern}$"},
        "Where its instances are in the router: a backend, or more.",
        "be_web",
        {"backend": "be_web", "server": "web{number}"},
    )


def _what_may_be_done() -> dict[str, Part]:
    return {
        "mode": mode(),
        "modes": {"$ref": MODES},
        "thresholds": described(
            block(
                {
                    "health_score": described(
                        number(0.0, 1.0), "Below it, intervention is considered.", 0.6
                    )
                }
            ),
            "The health score of this service.",
            {"health_score": 0.6},
        ),
        "when_stopped": described(
            choice(WhenStopped),
            "A death that looks intended (exit 0, an interrupt): leave it alone, or heal it like a "
            "crash.",
            "heal",
            default=WhenStopped.LEAVE.value,
        ),
        "labels": _labels(),
        "quiet_hours": quiet_hours(for_one=True),
    }


def _releases() -> Part:
    return described(
        {
            **either(
                text(),
                block(
                    {
                        "directory": described(text(), "Folder of the releases.", "releases"),
                        "current": described(
                            text(), "The link to the present one.", "current", default="current"
                        ),
                    },
                    required=("directory",),
                ),
            )
        },
        "Folder with a release each and a link to the present one, for recreate.",
        "releases",
    )


def _instances() -> Part:
    long = block(
        {
            "count": described(_count, "How many run.", 2, default=1),
            "min": described(_count, "Never fewer than this.", 1),
            "max": described(_count, "Never more than this.", 10),
        }
    )
    return described(
        either(_count, long),
        "How many copies run: a number, or count with min and max.",
        2,
        {"count": 2, "min": 1, "max": 10},
        default=1,
    )


def _labels() -> Part:
    ours = {
        FREEZE_LABEL: described(
            {"type": [*SCALARS, "null"]}, "Hands off: true, or the reason.", "being migrated", True
        )
    }
    return described(
        {
            "type": "object",
            "properties": ours,
            "patternProperties": {r"^(?!everup\.)": {"type": [*SCALARS, "null"]}},
            "additionalProperties": False,
            "maxProperties": LABELS_MOST,
        },
        "Your own labels, and those of Everup, which begin with everup.",
        {FREEZE_LABEL: "being migrated"},
    )


def _depends_on() -> Part:
    edge = either(
        {"type": "string", "enum": [*DependencyKind, NO_EDGE]},
        block(
            {
                "kind": described(
                    choice(DependencyKind),
                    "hard: it fails without the other; soft: it degrades.",
                    "soft",
                    default=DependencyKind.HARD.value,
                ),
                "weight": described(
                    number(0.0, 1.0),
                    "How much of the other's sickness it takes over; by default "
                    f"{DEFAULT_WEIGHT[DependencyKind.HARD]:g} hard, "
                    f"{DEFAULT_WEIGHT[DependencyKind.SOFT]:g} soft.",
                    0.9,
                ),
                "critical": described(
                    flag(), "This edge carries a circuit breaker.", True, default=False
                ),
                "router": described(
                    {"type": "string", "pattern": f"^{ROUTER_NAME.pattern}$"},
                    "The router's backend that carries this edge alone; makes it critical.",
                    "be_api_postgres",
                ),
            }
        ),
    )
    # The kinds bind the short form alone; a block or nothing is not one of those words.
    edge = {
        "type": [*edge["type"], "null"],
        "if": {"type": "string"},
        "then": {"enum": edge.pop("enum")},
        **{name: value for name, value in edge.items() if name != "type"},
    }
    return described(
        {**some(text()), "type": [*SCALARS, "array", "object"], "additionalProperties": edge},
        "Which services it needs: a list of names, or each name with its kind, or with a block.",
        ["postgres"],
        {"postgres": {"weight": 0.9, "critical": True}, "mailer": "soft"},
    )


def _stop() -> Part:
    stopping = sorted(s.name for s in signal.Signals if s.name not in _NOT_STOPPING)
    common = [name for name in stopping if not name.startswith("SIGRT")]
    return described(
        block(
            {
                "signal": described(
                    {"type": "string", "pattern": _signals(common)},
                    "Asks the process to end; the prefix SIG may be left out.",
                    "SIGINT",
                    default=StopSpec().signal,
                ),
                "grace_s": described(
                    duration(0.0, 3600.0),
                    "How long it may take.",
                    "60s",
                    default=StopSpec().grace_s,
                ),
            }
        ),
        "How an instance is asked to end.",
        {"signal": "SIGINT", "grace_s": "60s"},
    )


def _signals(names: list[str]) -> str:
    bare = "|".join(name.removeprefix("SIG") for name in names)
    anyhow = "".join(f"[{c}{c.lower()}]" if c.isalpha() else c for c in bare)
    return f"^([sS][iI][gG])?({anyhow}|[rR][tT][mM][iI][nN]|[rR][tT][mM][aA][xX])$"
