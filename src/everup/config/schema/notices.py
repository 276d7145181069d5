"""Who is told, where log files go, the token, and who trains: `notify`, `heartbeat`,
`log_directory`, `log_level`, `token_file`, `training_cluster`."""

from __future__ import annotations

from everup.config.notify import EVERY_LEAST_S, EVERY_MOST_S, EXAMPLE, NOTIFIERS_MOST
from everup.config.options import LogLevel
from everup.config.schema.parts import (
    Part,
    any_case,
    block,
    choice,
    command,
    described,
    duration,
    flag,
    some,
    text,
    whole,
)
from everup.model.notice import HeartbeatSpec, Occasion

_URL = r"^[hH][tT][tT][pP][sS]?://\S+$"


def notices() -> dict[str, Part]:
    """Fields of the top level."""
    default = HeartbeatSpec("")
    beat = block(
        {
            **_address(),
            "every": described(
                duration(EVERY_LEAST_S, EVERY_MOST_S),
                "How often at most.",
                "60s",
                default=default.every_s,
            ),
            "timeout_s": _timeout(default.timeout_s),
            "method": described(
                {"type": "string", "pattern": f"^({any_case('GET')}|{any_case('POST')})$"},
                "GET or POST.",
                "POST",
                default=default.method,
            ),
        }
    )
    return {
        "notify": _notify(),
        "heartbeat": described(
            {**beat, "type": ["string", "object"], "pattern": _URL},
            "An address that hears of Everup as long as it looks, for a dead man's switch.",
            "https://hc.example.com/ping/1",
        ),
        "log_directory": described(
            text(), "Folder of the log files, relative to this file.", "logs"
        ),
        "log_level": described(
            choice(LogLevel), "Least weight of a line.", "warning", default=LogLevel.INFO.value
        ),
        "token_file": described(
            text(),
            "A file with the token that callers from elsewhere show, relative to this file; "
            "without it one is made in the state folder.",
            "secrets/everup-token",
        ),
        "training_cluster": described(
            text(),
            "Address of a Dask scheduler that carries the training of models; without it one "
            "process on this machine does.",
            "tcp://scheduler:8786",
        ),
    }


def _notify() -> Part:
    run = block({"exec": described(command(), "The command.", ["./page"]), **_common()})
    post = block({**_address(), **_common()})
    return described(
        block(
            {
                "on": _on(),
                "log": described(flag(), "Also as a line of the log.", True),
                "command": described(
                    {
                        **run,
                        "type": ["string", "array", "object"],
                        "items": {"type": ["string", "number", "boolean", "object"]},
                        "maxItems": NOTIFIERS_MOST * 16,
                    },
                    "A command that gets the message as JSON on its input, or several.",
                    ["./page", "oncall"],
                ),
                "webhook": described(
                    {
                        **post,
                        "type": ["string", "array", "object"],
                        "pattern": _URL,
                        "items": {**post, "type": ["string", "object"], "pattern": _URL},
                        "maxItems": NOTIFIERS_MOST,
                    },
                    "An address that gets the message as a JSON POST, or several.",
                    EXAMPLE,
                ),
            }
        ),
        "Who is told when a person is needed: one message an incident.",
        {"log": True, "webhook": {"url_env": "PAGER_URL"}},
    )


def _address() -> dict[str, Part]:
    return {
        "url": described({"type": "string", "pattern": _URL}, "The address.", EXAMPLE),
        "url_env": described(text(), "A variable that holds the address.", "PAGER_URL"),
    }


def _common() -> dict[str, Part]:
    return {
        "name": described(
            {"type": ["string", "integer"], "pattern": r"^[a-z0-9][a-z0-9_-]{0,31}$"},
            "Its name in the journal and in metrics.",
            "oncall",
        ),
        "on": _on(),
        "timeout_s": _timeout(10.0),
        "attempts": described(whole(1, 10), "How often it is tried in a row.", 3),
    }


def _timeout(example_s: float) -> Part:
    return described(duration(0.5, 60.0), "How long one call may take.", example_s)


def _on() -> Part:
    word = {"type": "string", "pattern": f"^({'|'.join(Occasion)})$"}
    return described(
        some(word), "Of what to tell; escalations always are.", ["escalated", "frozen"]
    )
