"""Whom a service asks and calls: its probe and its hooks, short and long."""

from __future__ import annotations

from everup.config.probe import KINDS, PROBE_TIMEOUT_MOST_S
from everup.config.schema.parts import (
    Part,
    block,
    command,
    described,
    duration,
    either,
    one_of,
    some,
    text,
    whole,
)
from everup.model.stack import HookSpec

_HTTP = r"[hH][tT][tT][pP][sS]?://[^\s/@?#]+([/?#]\S*)?"
_TCP = r"[^\s/]*[^\s/:]:([0-9]{1,5}|\{port\})/?"
_DATABASE = r"^(/\S.*|[^\s/]+:([0-9]{1,5}|\{port\}))$"
_METHOD = (
    r"([gG][eE][tT]|[pP][oO][sS][tT]|[pP][uU][tT]|[pP][aA][tT][cC][hH]|[dD][eE][lL][eE][tT][eE])"
)


def short_probe() -> Part:
    """One line."""
    return {
        "type": "string",
        "pattern": rf"^({_HTTP}|tcp://{_TCP}|exec:\s*\S.*)$",
        "description": "http://…, https://…, tcp://host:port or exec:command.",
    }


def probe() -> Part:
    """`probe:` of a service."""
    long = block(
        {
            "http": described(
                text(f"^{_HTTP}$"), "Asked with GET.", "http://127.0.0.1:{port}/health"
            ),
            "tcp": described(
                text(rf"^(tcp://)?{_TCP}$"),
                "host:port to connect to; proves little, since the kernel accepts for a program "
                "that hangs.",
                "127.0.0.1:6379",
            ),
            "postgres": described(
                text(_DATABASE),
                "host:port or socket path of a PostgreSQL, asked in its own protocol and without "
                "credentials.",
                "127.0.0.1:5432",
            ),
            "redis": described(
                text(_DATABASE),
                "host:port or socket path of a Redis, asked in its own protocol and without "
                "credentials.",
                "127.0.0.1:6379",
            ),
            "exec": described(
                command(), "A command that ends with 0 when all is well.", "pg_isready -q"
            ),
            "interval_s": described(
                duration(0.2, 86400.0),
                "How often to ask while all is well; sample_interval_s without.",
                "10s",
            ),
            "timeout_s": described(
                duration(0.1, PROBE_TIMEOUT_MOST_S),
                "No answer by then is a failure; probe_timeout_s without.",
                "2s",
            ),
            "expect_status": described(
                some(whole(100, 599), most=2),
                "For http: one status, or the first and last that pass.",
                200,
                default=[200, 399],
            ),
        }
    )
    alone = {**one_of(KINDS), "dependencies": {"expect_status": ["http"]}}
    return described(
        {**either(short_probe(), long), **alone},
        "How to ask an instance whether it is well: http://…, tcp://host:port, exec:command, or a "
        "block with exactly one of http, tcp, exec, postgres and redis. {port} stands for the "
        "instance's port.",
        "http://127.0.0.1:{port}/health",
        "exec:pg_isready -q",
        {"exec": "./check", "interval_s": "30s"},
    )


def hooks() -> Part:
    """`hooks:` of a service; others than the known ones are kept."""
    request = rf"^\s*({_METHOD}\s+)?{_HTTP}$"
    long = block(
        {
            "exec": described(command(), "A command.", ["./clear-cache", "--prefix", "page:"]),
            "http": described(
                text(request),
                "A method and a URL; a URL alone means POST.",
                "POST http://127.0.0.1:{port}/admin/reconnect",
            ),
            "recipe": described(
                text(),
                "For cache_clear: a way that Everup knows, on what you name.",
                "redis:prefix=session:",
                "nginx:path=/var/cache/nginx/pages",
            ),
            "timeout_s": described(
                duration(0.1, PROBE_TIMEOUT_MOST_S),
                "How long it may take.",
                "10s",
                default=HookSpec().timeout_s,
            ),
        }
    )
    hook = {**either(command(), long), **one_of(("http", "exec", "recipe"))}
    known = {
        "reconnect": "Called when something that the service needs was healed, before a restart.",
        "cache_clear": "Frees what you say may go when memory is short.",
        "busy": "Asked before a stateful service is touched: 0 means busy.",
        "free_space": "Frees space when the disk is full.",
        "dump": "Writes its data out, before a snapshot that a person takes with dumps.",
    }
    return described(
        {
            "type": "object",
            "properties": {
                name: described(hook, said, "./" + name) for name, said in known.items()
            },
            "additionalProperties": hook,
        },
        "Your own ways of doing something: a command, or an HTTP call.",
        {"reconnect": "POST http://127.0.0.1:{port}/admin/reconnect"},
    )
