"""Is a container made of the same as another: its image by content, all that its owner chose. Pure.

Flows in: a container's document, what we changed of it for a while, and a key: the environment may
hold secrets, and versions are shown. Flows out: a short text that is equal for equals. What is the
container's own (its name, number, addresses, the id of whose network it uses), what Compose writes
down for itself, and what we hold does not count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from everup.model.sums import SumKey
from everup.model.version import SCHEME_END
from everup.runtimes.docker.blueprint import ID_CHARS, blueprint_of
from everup.runtimes.docker.borrowed import BORROWS
from everup.runtimes.docker.containers import MADE, Container, section
from everup.runtimes.docker.volumes import without_anonymous

SCHEME = "3"
"""Another one when another text is made of the same container: the two cannot be compared."""

COMPOSE = "com.docker.compose."
OWN_CONFIG = ("Hostname", "AttachStdin", "AttachStdout", "AttachStderr", "Labels")
OWN_HOST = ("Binds", "ContainerIDFile", "ConsoleSize", "NetworkMode")
NOTHING: tuple[object, ...] = (None, "", 0, False, [], {})
DIGITS = 12


def image_of(container: Container) -> str:
    """The content address of its image."""
    return str(container.document.get("Image") or "")


def short(image: str) -> str:
    """Of an address, what a person compares."""
    return image.removeprefix("sha256:")[:ID_CHARS]


def version_of(
    container: Container,
    key: SumKey,
    limits: Mapping[str, Any] | None = None,
    networks: Mapping[str, Any] | None = None,
) -> str:
    """`limits`, `networks`: as they were before we changed them."""
    made_of = blueprint_of(container, "")
    declared = without_anonymous(section(container.document, "HostConfig"))
    host = {name: value for name, value in declared.items() if name not in OWN_HOST}
    host |= limits or {}
    mode = str(made_of.host.get("NetworkMode") or "")
    host["NetworkMode"] = BORROWS if mode.startswith(BORROWS) else mode
    host["Binds"] = declared["Binds"]
    config = {name: value for name, value in made_of.config.items() if name not in OWN_CONFIG}
    labels = {
        name: value
        for name, value in container.labels.items()
        if not name.startswith(COMPOSE) and name != MADE
    }
    ends = {**(networks or {}), **made_of.networks}
    content = {
        "env": dict(made_of.env),
        "config": config,
        "labels": labels,
        "host": host,
        "networks": {name: _end(end, container.name) for name, end in ends.items()},
    }
    text = json.dumps(_bare(content), sort_keys=True, default=str)
    digest = key.sum("container", text, DIGITS)
    return f"{key.scheme(SCHEME)}{SCHEME_END}{short(image_of(container))}.{digest}"


def _end(end: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    aliases = sorted(a for a in end.get("Aliases") or () if a != name)
    return {**end, "Aliases": aliases}


def _bare(value: Any) -> Any:
    """Without what says nothing: another version of the engine may leave it out, or in."""
    if isinstance(value, Mapping):
        kept = {str(name): _bare(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part not in NOTHING}
    if isinstance(value, list | tuple):
        return [_bare(part) for part in value]
    return value
