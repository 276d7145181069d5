"""`everup.scaling.*` labels → a ScalingSpec. Pure; called by `labels`, one label at a time and then
for what makes sense only together; and by `specs` for what must go with the rest of the service.

A queue is read from a Redis or an HTTP address: what a label says of itself is asked in the project
alone, so a host is left out (the container itself), or is the name of a service of the project. A
command would run where Everup does, which is for everup.yaml to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from everup.model import sizing_words as words
from everup.model.axis import Axis
from everup.model.sizing import QueueSpec, ScalingSpec
from everup.model.stack import HOST_MARK, ServiceSpec
from everup.runtimes.docker.discovery import label_values as values
from everup.runtimes.docker.discovery.notes import Note, shown

PREFIX = "everup.scaling."
QUEUE = f"{PREFIX}queue."
COMMAND = f"{QUEUE}command"
LATENCY_MOST_S, IDLE_LEAST_S, IDLE_MOST_S = 3600.0, 60.0, 30 * 86_400.0
SHORTAGE_LEAST, SHORTAGE_MOST = 0.0001, 0.5
KEY_BYTES_MOST = 512
_NOBODY = ScalingSpec()
_URL = re.compile(r"(https?)://(\[[^\]/]*\]|[^:/\s@#]*)(:\d{1,5})?(/[^\s#]*)?(#\S+)?")

Setter = Callable[[ScalingSpec, str], ScalingSpec]


def _axis(spec: ScalingSpec, text: str) -> ScalingSpec:
    try:
        return replace(spec, axis=Axis(text.strip().lower()))
    except ValueError:
        raise ValueError(f"write {', '.join(Axis)}") from None


def _latency(spec: ScalingSpec, text: str) -> ScalingSpec:
    target_s = values.duration_s(text, LATENCY_MOST_S)
    if not target_s > 0.0:
        raise ValueError("write how long an answer may take: 250ms")
    return replace(spec, latency_target_s=target_s)


def _idle(spec: ScalingSpec, text: str) -> ScalingSpec:
    idle_s = values.duration_s(text, IDLE_MOST_S)
    if idle_s < IDLE_LEAST_S:
        raise ValueError(f"write a duration from {IDLE_LEAST_S:g} s on: 15m")
    return replace(spec, idle_s=idle_s)


def _queue(spec: ScalingSpec) -> QueueSpec:
    return spec.queue or QueueSpec(per_instance=0.0)


def _redis(spec: ScalingSpec, text: str) -> ScalingSpec:
    text = text.strip()
    said = f"{HOST_MARK}{text}" if text.startswith(":") else text
    return replace(spec, queue=replace(_queue(spec), redis=words.parse_redis(said)))


def _http(spec: ScalingSpec, text: str) -> ScalingSpec:
    match = _URL.fullmatch(text.strip())
    if match is None:
        raise ValueError("write http://:8080/stats#queue.length, or with a service for the host")
    scheme, host, port, path, part = match.groups(default="")
    url = f"{scheme}://{host or HOST_MARK}{port}{path or '/'}{part}"
    return replace(spec, queue=replace(_queue(spec), http=url))


def _key(spec: ScalingSpec, text: str) -> ScalingSpec:
    if not text.strip() or len(text.encode()) > KEY_BYTES_MOST:
        raise ValueError(f"write the key of a list or stream, at most {KEY_BYTES_MOST} bytes")
    return replace(spec, queue=replace(_queue(spec), key=text.strip()))


def _per_instance(spec: ScalingSpec, text: str) -> ScalingSpec:
    count = values.number(text)
    if not 0.001 <= count <= 1e9:
        raise ValueError("write how many entries one instance may have waiting: 20")
    return replace(spec, queue=replace(_queue(spec), per_instance=count))


def _command(spec: ScalingSpec, text: str) -> ScalingSpec:
    raise ValueError(
        "it would run where Everup does: name the queue by .redis or .http, or say it in an"
        " everup.yaml"
    )


def _said(parse: Callable[[str], ScalingSpec], example: str) -> ScalingSpec:
    """A value of `sizing_words`, whose sentences are made for a file: here the fix alone counts."""
    try:
        return parse(example)
    except ValueError as error:
        said, _, fix = str(error).partition("; ")
        raise ValueError(fix or said) from None


def _worded(parse: Callable[[ScalingSpec, str], ScalingSpec]) -> Setter:
    return lambda spec, text: _said(lambda line: parse(spec, line), text)


SETTERS: Mapping[str, Setter] = {
    f"{PREFIX}axis": _axis,
    f"{PREFIX}cpu": _worded(lambda s, t: replace(s, cpu=words.parse_band(t, words.CPU_MOST))),
    f"{PREFIX}memory": _worded(
        lambda s, t: replace(s, memory=words.parse_band(t, words.MEMORY_MOST))
    ),
    f"{PREFIX}latency": _latency,
    f"{PREFIX}errors": _worded(lambda s, t: replace(s, errors_most=words.parse_share(t, 0.0, 1.0))),
    f"{PREFIX}shortage": _worded(
        lambda s, t: replace(s, shortage_most=words.parse_share(t, SHORTAGE_LEAST, SHORTAGE_MOST))
    ),
    f"{PREFIX}plan": _worded(lambda s, t: replace(s, planned=words.parse_plan(t))),
    f"{PREFIX}idle": _idle,
    f"{QUEUE}redis": _worded(_redis),
    f"{QUEUE}http": _http,
    f"{QUEUE}key": _key,
    f"{QUEUE}per_instance": _per_instance,
    COMMAND: _command,
}


def set_one(known: ScalingSpec | None, name: str, text: str) -> ScalingSpec:
    """With one label more. Raises ValueError with what would be right."""
    return SETTERS[name](known or _NOBODY, text)


def at_its_most_careful(known: ScalingSpec | None, name: str) -> ScalingSpec | None:
    """Where `name` was to hold Everup back and cannot be understood."""
    return replace(known or _NOBODY, axis=Axis.NONE) if name == f"{PREFIX}axis" else known


def together(known: ScalingSpec) -> tuple[ScalingSpec, tuple[str, str] | None]:
    """Without a queue that cannot be read, and (what is wrong, what to write)."""
    queue = known.queue
    if queue is None:
        return known, None
    wrong = ""
    if len(queue.targets) != 1:
        has = "both redis and http" if queue.targets else "neither redis nor http"
        wrong = f"name {has}; one of them it must be"
    elif queue.redis and not queue.key:
        wrong = f"name a redis and no key; add {QUEUE}key=jobs"
    elif queue.key and not queue.redis:
        wrong = f"name a key and no redis; leave {QUEUE}key out"
    elif not queue.per_instance:
        wrong = f"do not say how many may wait; add {QUEUE}per_instance=20"
    if not wrong:
        return known, None
    said, _, fix = wrong.partition("; ")
    return replace(known, queue=None), (said, fix)


def fitting(spec: ServiceSpec, services: Collection[str]) -> tuple[ScalingSpec | None, list[Note]]:
    """What of it goes together with the rest of the service, and what was left out. Whoever labels
    a container may not have Everup ask whom they like."""
    if spec.scaling is None:
        return None, []
    said, notes = spec.scaling, list[Note]()

    def without(text: str, fix: str, **changes: Any) -> ScalingSpec:
        notes.append(Note(spec.name, text, fix, is_mistake=True))
        return replace(said, **changes)

    if host := _foreign_host(said.queue, services):
        text = f"its labels {QUEUE}* lead to {shown(host)}, which is no service of this project"
        said = without(text, "write the name of one, or say it in an everup.yaml", queue=None)
    if said.idle_s and spec.is_stateful:
        text = f"label {PREFIX}idle would have a stateful service end"
        said = without(text, "leave it out", idle_s=0.0)
    most = max((planned.instances for planned in said.planned), default=0)
    if most > spec.max_instances:
        text = f"label {PREFIX}plan asks for {most} instances, above the most, {spec.max_instances}"
        said = without(text, "add everup.max_instances", planned=())
    return said, notes


def _foreign_host(queue: QueueSpec | None, services: Collection[str]) -> str:
    """The host of a queue that is neither the container itself nor a service; "" where it is."""
    if queue is None:
        return ""
    if queue.redis is not None:
        host = queue.redis.rpartition(":")[0]
    else:
        match = _URL.fullmatch(queue.http or "")
        host = match[2] if match is not None else ""
    return "" if host in (HOST_MARK, *services) else host
