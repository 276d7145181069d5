"""One service of the file → a ServiceSpec, with its short forms and what a person should know.

Called by `load` for each service. What needs more than one service (edges, ports) is checked there.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from everup.config import parts
from everup.config.addresses import PORT_MARK
from everup.config.databases import known_database
from everup.config.dependencies import Edge, depends_on
from everup.config.probe import HOOKS, probe
from everup.config.reading import (
    Field,
    choice,
    duration,
    flag,
    maybe,
    spoken_s,
    take,
    text,
    whole,
    words,
)
from everup.config.router import route
from everup.config.scaling import check_scaling, scaling
from everup.model.kinds import Mode
from everup.model.scaling import Spread
from everup.model.settings import Settings
from everup.model.stack import Limits, ProbeSpec, ReleaseSpec, ServiceSpec, StopSpec

FIELDS = (
    *("command", "directory", "env", "user", "port", "instances", "probe", "depends_on"),
    *("limits", "priority", "stateful", "one_shot", "start_period_s", "recovery_most_s", "stop"),
    *("hooks", "busy_most_s", "releases", "quarantine", "spread", "standby", "rollback_safe"),
    "one_way",
    *("config_files", "restore_files"),
    *("router", "scaling"),
    *("mode", "modes", "thresholds", "when_stopped", "labels", "quiet_hours"),
)
QUARANTINE_LEAST_S, QUARANTINE_MOST_S = 1.0, 86400.0
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
NAME_LENGTH_MOST = 63
NAME_RULE = "begin with a small letter or digit and use only these, - and _, at most 63 together"


@dataclass(frozen=True, slots=True)
class Read:
    """A service as read. `notes` are sentences without an address."""

    spec: ServiceSpec
    field: Field
    given: Mapping[str, Field]
    edges: tuple[Edge, ...]
    notes: tuple[str, ...]


def is_name(text: str) -> bool:
    """May a stack or service be called so?"""
    return len(text) <= NAME_LENGTH_MOST and NAME.fullmatch(text) is not None


def service(
    name: str, field: Field, settings: Settings, folder: Path, *, is_found: bool = False
) -> Read:
    """Read one service. `settings` give its probe's defaults; `folder` is where the file lies.

    `is_found`: it says only what it has to say of a service that is found elsewhere.
    """
    if not is_found and not is_name(name):
        field.wrong("is not a name for a service", NAME_RULE, has_value=False)
    edges: tuple[Edge, ...] = ()
    given: Mapping[str, Field] = {}
    if field.node.is_empty:
        spec = ServiceSpec(name)
    elif field.node.kind == "scalar":
        spec = ServiceSpec(name, probe=probe(field, settings))
    else:
        given = field.fields(FIELDS, "a probe, or fields like command: and probe:")
        edges = tuple(take(given, "depends_on", depends_on, []))
        _check_refusals(edges, is_found=is_found)
        spec = _described(name, given, edges, settings, folder)
    if is_found:
        return Read(spec, field, given, edges, ())
    spec, notes = _guessed(spec, given)
    _check_port_marks(spec, given)
    check_quarantine(spec, given)
    check_scaling(spec, given)
    return Read(spec, field, given, edges, (*notes, *_notes(spec)))


def _described(
    name: str,
    given: Mapping[str, Field],
    edges: tuple[Edge, ...],
    settings: Settings,
    folder: Path,
) -> ServiceSpec:
    def read_probe(field: Field) -> ProbeSpec | None:
        return probe(field, settings)

    def read_releases(field: Field) -> ReleaseSpec | None:
        if "directory" in given:
            field.wrong(
                "stands beside directory",
                "remove one of them: a release is where it runs",
                has_value=False,
            )
        return parts.releases(field, folder)

    def read_config_files(field: Field) -> tuple[str, ...] | None:
        return parts.config_files(field, folder)

    count, least, most = take(given, "instances", parts.instances, (1, 1, 1))
    directory = maybe(given, "directory", text)
    when_stopped = maybe(given, "when_stopped", choice(parts.WhenStopped))
    scaled = maybe(given, "scaling", scaling)
    fetches = scaled is not None and scaled.queue is not None
    spread = Spread.QUEUE if fetches else Spread.NONE
    spread = Spread.ROUTER if "router" in given else spread
    return ServiceSpec(
        name=name,
        command=take(given, "command", words, ()),
        directory=os.path.normpath(folder / directory) if directory else None,
        env=take(given, "env", parts.env, {}),
        user=maybe(given, "user", text),
        port=maybe(given, "port", whole(1, 65535)),
        instances=count,
        min_instances=least,
        max_instances=most,
        probe=maybe(given, "probe", read_probe),
        depends_on=tuple(edge.dependency for edge in edges if not edge.is_refused),
        limits=take(given, "limits", parts.limits, Limits()),
        priority=take(given, "priority", whole(-1000, 1000), 0),
        is_stateful=take(given, "stateful", flag, False),
        is_one_shot=take(given, "one_shot", flag, False),
        start_period_s=take(given, "start_period_s", duration(0.0, 86400.0), 0.0),
        busy_most_s=take(given, "busy_most_s", duration(1.0, 7 * 86400.0), 0.0),
        quarantine_s=take(given, "quarantine", _kept_s, 0.0),
        recovery_most_s=take(given, "recovery_most_s", duration(1.0, 7 * 86400.0), 0.0),
        stop=take(given, "stop", parts.stop, StopSpec()),
        hooks=take(given, "hooks", parts.hooks, {}),
        mode=maybe(given, "mode", choice(Mode)),
        modes=take(given, "modes", parts.modes, {}),
        health_threshold=maybe(given, "thresholds", parts.health_score),
        labels=take(given, "labels", parts.labels, {}),
        releases=maybe(given, "releases", read_releases),
        rollback_is_safe=take(given, "rollback_safe", flag, False),
        is_one_way=take(given, "one_way", flag, False),
        config_files=maybe(given, "config_files", read_config_files),
        restores_files=take(given, "restore_files", flag, False),
        heal_when_stopped=when_stopped is parts.WhenStopped.HEAL,
        spread=take(given, "spread", choice(Spread), spread),
        standby=take(given, "standby", text, ""),
        route=maybe(given, "router", route),
        scaling=scaled,
        has_bounds="instances" in given and parts.has_bounds(given["instances"]),
    )


def _guessed(spec: ServiceSpec, given: Mapping[str, Field]) -> tuple[ServiceSpec, list[str]]:
    """Known databases are stateful unless their owner says something else."""
    product = known_database(spec.name, spec.command)
    if product is None:
        return spec, []
    if "stateful" not in given:
        note = f"looks like {product}, so it is handled as stateful; write stateful: true or false"
        return replace(spec, is_stateful=True), [note]
    if not spec.is_stateful:
        return spec, [
            f"looks like {product} and is declared stateful: false; it gets no extra care"
        ]
    return spec, []


def _check_port_marks(spec: ServiceSpec, given: Mapping[str, Field]) -> None:
    if spec.port is not None or "port" in given:
        return
    hook_targets = [target for hook in spec.hooks.values() for target in (hook.http, *hook.command)]
    queue = None if spec.scaling is None else spec.scaling.queue
    asked = (
        ("probe", _targets(spec.probe)),
        ("hooks", hook_targets),
        ("scaling", () if queue is None else queue.targets),
    )
    for name, targets in asked:
        if name in given and any(PORT_MARK in (target or "") for target in targets):
            given[name].wrong(
                f"uses {PORT_MARK}, but the service has no port",
                "add port: to the service, or write the number",
                has_value=False,
            )


def _check_refusals(edges: tuple[Edge, ...], *, is_found: bool) -> None:
    for edge in edges:
        if edge.is_refused and not is_found:
            edge.field.wrong(
                "takes away a dependency, and none was found by itself here", "leave it out"
            )


_kept_s = duration(QUARANTINE_LEAST_S, QUARANTINE_MOST_S)


def check_quarantine(spec: ServiceSpec, given: Mapping[str, Field]) -> None:
    """Nobody may be kept aside whose fresh copy would do harm."""
    if not spec.quarantine_s or "quarantine" not in given:
        return
    if spec.is_stateful:
        given["quarantine"].wrong(
            "would leave two owners of the data of a stateful service",
            "remove it; what is seen of it before it is ended is kept as evidence",
        )
    elif spec.is_one_shot:
        given["quarantine"].wrong(
            "makes no sense for a one-shot, whose fresh copy would do its work twice", "remove it"
        )


def _targets(spec: ProbeSpec | None) -> tuple[str | None, ...]:
    return () if spec is None else spec.targets


def _notes(spec: ServiceSpec) -> list[str]:
    notes = []
    probe = spec.probe
    if not spec.command:
        notes.append("has no command: it is watched, but cannot be started or restarted")
    if probe is None and not spec.is_one_shot:
        notes.append("has no probe: only whether its process lives is seen")
    if probe is not None and probe.timeout_s > probe.interval_s:
        notes.append(
            f"its probe may take {spoken_s(probe.timeout_s)}, longer than its interval of "
            f"{spoken_s(probe.interval_s)}: a slow answer delays the next question"
        )
    is_shared = not any(PORT_MARK in (target or "") for target in _targets(probe))
    if probe is not None and spec.instances > 1 and is_shared:
        notes.append(
            f"its probe asks all {spec.instances} instances at the same address; "
            f"write {PORT_MARK} to ask each one"
        )
    if spec.directory is not None and not os.path.isdir(spec.directory):
        notes.append(f"its directory {spec.directory} does not exist yet")
    if spec.releases is not None and not os.path.isdir(spec.releases.current):
        notes.append(f"its release {spec.releases.current} leads to no folder yet")
    notes += [
        f"its hook '{name}' is asked for by no action; known hooks are {', '.join(HOOKS)}"
        for name in spec.hooks
        if name not in HOOKS
    ]
    return notes
