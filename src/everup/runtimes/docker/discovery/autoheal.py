"""The usual autoheal tool: its labels, its variables, and whether it runs beside us. Pure.

Called by `build`, and by whoever starts Everup in its place. Its labels are a consent that was
given: services that carry them may be restarted without asking. Where the tool itself still runs,
what it handles is left to it, since two healers restart twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from everup.model.kinds import ActionKind
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.grouping import is_own
from everup.runtimes.docker.discovery.images import split_image
from everup.runtimes.docker.discovery.notes import Note, shown

DEFAULT_LABEL = "autoheal"
EVERYTHING = "all"
TIMEOUT_LABEL = "autoheal.stop.timeout"
RESTARTS = (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART)
SECONDS_MOST = 86_400.0
_WEBHOOK = "WEBHOOK_URL"
_PREFIX = "AUTOHEAL_"
_APPRISE, _SCRIPT, _JSON_KEY = "APPRISE_URL", "POST_RESTART_SCRIPT", "WEBHOOK_JSON_KEY"
DEFAULT_JSON_KEY = "text"
_NOT_APPLICABLE = {"CURL_TIMEOUT": "each call to the engine has its own deadline"}
_BESIDE = (_WEBHOOK, _APPRISE, _SCRIPT)
_NAMES = frozenset({"autoheal", "docker-autoheal"})
_SOCKET = "docker.sock"


@dataclass(frozen=True, slots=True)
class AutohealSettings:
    """What its variables mean. None: not said. `label` is "all" where every container counts."""

    label: str = DEFAULT_LABEL
    stop_timeout_s: float | None = None
    start_period_s: float | None = None
    interval_s: float | None = None
    only_running: bool | None = None
    webhook_url: str | None = field(default=None, repr=False)  # often a secret
    webhook_key: str = DEFAULT_JSON_KEY
    apprise_url: str | None = field(default=None, repr=False)
    script: str | None = None
    is_given: bool = False  # at least one of its own variables is set
    notes: tuple[Note, ...] = ()

    def handles(self, container: Container) -> bool:
        """Would it look after this container?"""
        return self.label == EVERYTHING or container.labels.get(self.label) == "true"

    def consents(self, container: Container) -> bool:
        """Has whoever runs it consented to restarts? What its image says is no consent."""
        is_images = container.image_labels.get(self.label) == "true"
        return self.label == EVERYTHING or (self.handles(container) and not is_images)


@dataclass(frozen=True, slots=True)
class AutohealBeside:
    """An autoheal that runs on this engine now."""

    container: str
    id: str
    settings: AutohealSettings


def read_environment(environ: Mapping[str, str]) -> AutohealSettings:
    """What the AUTOHEAL_* variables and their kin say; what cannot be used is named."""
    notes: list[Note] = []
    only_running = environ.get("AUTOHEAL_ONLY_MONITOR_RUNNING", "").strip().lower()
    known = {
        *("AUTOHEAL_CONTAINER_LABEL", "AUTOHEAL_DEFAULT_STOP_TIMEOUT", "AUTOHEAL_START_PERIOD"),
        *("AUTOHEAL_INTERVAL", "AUTOHEAL_ONLY_MONITOR_RUNNING"),
    }
    for name in sorted(environ):
        if name in _NOT_APPLICABLE and environ[name]:
            notes.append(Note(name, "is not used", _NOT_APPLICABLE[name]))
        elif name.startswith(_PREFIX) and name not in known:
            notes.append(Note(name, "is no variable that Everup knows of autoheal", "remove it"))
    return AutohealSettings(
        label=environ.get("AUTOHEAL_CONTAINER_LABEL", "").strip() or DEFAULT_LABEL,
        stop_timeout_s=_seconds(environ, "AUTOHEAL_DEFAULT_STOP_TIMEOUT", notes),
        start_period_s=_seconds(environ, "AUTOHEAL_START_PERIOD", notes),
        interval_s=_seconds(environ, "AUTOHEAL_INTERVAL", notes),
        only_running=only_running == "true" if only_running else None,
        webhook_url=environ.get(_WEBHOOK, "").strip() or None,
        webhook_key=environ.get(_JSON_KEY, "").strip() or DEFAULT_JSON_KEY,
        apprise_url=environ.get(_APPRISE, "").strip() or None,
        script=environ.get(_SCRIPT, "").strip() or None,
        is_given=any(environ.get(name, "").strip() for name in (*known, *_BESIDE)),
        notes=tuple(notes),
    )


def find_beside(containers: Iterable[Container], own_id: str = "") -> tuple[AutohealBeside, ...]:
    """Every autoheal that runs, by its image, its program, its name, or its variables; never
    Everup, which keeps that name and those variables where it took the tool's place."""
    return tuple(
        AutohealBeside(one.name, one.id, read_environment(one.env))
        for one in containers
        if one.lived.status == "running" and not is_own(one, own_id) and is_autoheal(one)
    )


def is_autoheal(one: Container) -> bool:
    """Is this container, which is not ours, the autoheal tool?"""
    if split_image(one.image).name in _NAMES or one.service in _NAMES or one.name in _NAMES:
        return True
    if any(word.rpartition("/")[2] in _NAMES for word in one.command[:3]):
        return True
    return _is_one_by_another_name(one)


def _is_one_by_another_name(one: Container) -> bool:
    """In an image of somebody's own it still has its variables, and the engine's socket."""
    has_socket = any(mount.target.endswith(_SOCKET) for mount in one.mounts)
    return has_socket and any(name.startswith(_PREFIX) for name in one.env)


def stop_timeout_s(one: Container, notes: list[Note]) -> float | None:
    """How long its label lets a stop take; None when there is none."""
    if one.labels.get(TIMEOUT_LABEL) == one.image_labels.get(TIMEOUT_LABEL):
        return None  # its image may not cut it short
    return _seconds(one.labels, TIMEOUT_LABEL, notes, f"container {one.name}")


def _seconds(
    given: Mapping[str, str], name: str, notes: list[Note], about: str = ""
) -> float | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0.0 <= value <= SECONDS_MOST:
        return value
    said = f"{name} says {shown(text)}" if about else f"says {shown(text)}"
    fix = f"write seconds from 0 to {SECONDS_MOST:g}"
    notes.append(Note(about or name, said, fix, is_mistake=True))
    return None
