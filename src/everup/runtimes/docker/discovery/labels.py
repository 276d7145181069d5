"""The `everup.*` labels of a service → what its owner wishes. Pure; called by `build`.

A mistake in a label never makes Everup do more than it would without the label. Where a label was
to hold Everup back and cannot be understood, it is taken at its most careful; every mistake is a
note with container, label, value and what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from everup.model.kinds import ActionKind, Mode
from everup.model.recipes import parse_recipe
from everup.model.routing import Route
from everup.model.scaling import Spread
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import FREEZE_LABEL, Dependency, HookSpec, ProbeSpec
from everup.runtimes.docker.discovery import label_scaling as scaling
from everup.runtimes.docker.discovery import label_values as values
from everup.runtimes.docker.discovery.grouping import OWN_LABEL
from everup.runtimes.docker.discovery.image_word import MODE_PREFIX, what_counts
from everup.runtimes.docker.discovery.notes import Note, nearest, shown

PREFIX = "everup."
INTERNAL = "everup.internal."
"""What Everup itself writes on containers that it makes; nothing for an owner."""

HOOKS = ("cache_clear", "reconnect", "busy", "free_space", "dump")
INSTANCES_MOST = 100
CONNECTIONS_MOST = 1_000_000
DAY_S = 86_400.0
GRACE_MOST_S = 3600.0
HOOK_PREFIX = "everup.hook."
_MODE, _HOOK, _ENABLE = MODE_PREFIX, HOOK_PREFIX, "everup.enable"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the labels of one service say; None where they say nothing."""

    is_enabled: bool = True
    mode: Mode | None = None
    modes: Mapping[ActionKind, Mode] = field(default_factory=dict)
    is_stateful: bool | None = None
    is_one_shot: bool | None = None
    rollback_is_safe: bool = False
    is_one_way: bool = False
    config_files: tuple[str, ...] | None = None
    restores_files: bool = False
    priority: int = 0
    edges: tuple[Dependency, ...] = ()
    refused_edges: frozenset[str] = frozenset()
    critical: frozenset[str] | None = None  # the dependencies that carry a breaker
    heal_when_stopped: bool = False
    instances_least: int | None = None
    instances_most: int | None = None
    connections_most: int | None = None
    health_threshold: float | None = None
    start_period_s: float | None = None
    stop_grace_s: float | None = None
    hooks: Mapping[str, HookSpec] = field(default_factory=dict)
    probe: ProbeSpec | None = None
    unasked_because: str = ""
    spread: Spread | None = None
    standby: str = ""
    route: Route | None = None
    scaling: ScalingSpec | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


Setter = Callable[[Wishes, str], Wishes]


def _edges(wishes: Wishes, text: str) -> Wishes:
    edges, refused = values.edges(text)
    return replace(wishes, edges=edges, refused_edges=refused)


def _route(key: str) -> Setter:
    return lambda w, t: replace(w, route=values.route(w.route, key, t))


def _scaling(name: str) -> Setter:
    return lambda w, t: replace(w, scaling=scaling.set_one(w.scaling, name, t))


def _probe(wishes: Wishes, text: str) -> Wishes:
    if text.strip().lower() == values.NO_PROBE:
        return replace(wishes, unasked_because=f"its label everup.probe says {values.NO_PROBE}")
    return replace(wishes, probe=values.probe(text))


_SETTERS: Mapping[str, Setter] = {
    "everup.enable": lambda w, t: replace(w, is_enabled=values.flag(t)),
    "everup.mode": lambda w, t: replace(w, mode=values.mode(t)),
    "everup.stateful": lambda w, t: replace(w, is_stateful=values.flag(t)),
    "everup.one_shot": lambda w, t: replace(w, is_one_shot=values.flag(t)),
    "everup.rollback_safe": lambda w, t: replace(w, rollback_is_safe=values.flag(t)),
    "everup.one_way": lambda w, t: replace(w, is_one_way=values.flag(t)),
    "everup.config_files": lambda w, t: replace(w, config_files=values.paths(t)),
    "everup.restore_files": lambda w, t: replace(w, restores_files=values.flag(t)),
    "everup.priority": lambda w, t: replace(w, priority=values.whole(t, -1000, 1000)),
    "everup.depends_on": _edges,
    "everup.critical": lambda w, t: replace(w, critical=values.names(t)),
    "everup.when_stopped": lambda w, t: replace(w, heal_when_stopped=values.when_stopped(t)),
    "everup.min_instances": lambda w, t: replace(
        w, instances_least=values.whole(t, 1, INSTANCES_MOST)
    ),
    "everup.max_instances": lambda w, t: replace(
        w, instances_most=values.whole(t, 1, INSTANCES_MOST)
    ),
    "everup.max_connections": lambda w, t: replace(
        w, connections_most=values.whole(t, 1, CONNECTIONS_MOST)
    ),
    # A service must not count as well while a restart may already be used.
    "everup.health_threshold": lambda w, t: replace(
        w, health_threshold=values.share(t, Settings().graceful_restart_below)
    ),
    "everup.start_period": lambda w, t: replace(w, start_period_s=values.duration_s(t, DAY_S)),
    "everup.stop_grace": lambda w, t: replace(w, stop_grace_s=values.duration_s(t, GRACE_MOST_S)),
    "everup.probe": _probe,
    "everup.spread": lambda w, t: replace(w, spread=values.spread(t)),
    "everup.standby": lambda w, t: replace(w, standby=values.service_name(t)),
    **{f"everup.router.{key}": _route(key) for key in ("backend", "port", "server")},
    **{name: _scaling(name) for name in scaling.SETTERS},
    "everup.cache_clear": lambda w, t: replace(
        w, hooks={**w.hooks, "cache_clear": HookSpec(recipe=parse_recipe(t))}
    ),
}


def _careful_scaling(name: str) -> Callable[[Wishes], Wishes]:
    return lambda w: replace(w, scaling=scaling.at_its_most_careful(w.scaling, name))


# What holds when one of these cannot be understood: its owner meant to hold something back. A
# wrong everup.enable holds the whole service, see `read_labels`.
_CAREFUL: Mapping[str, Callable[[Wishes], Wishes]] = {
    "everup.mode": lambda w: replace(w, mode=Mode.OBSERVE),
    "everup.stateful": lambda w: replace(w, is_stateful=True),
    "everup.one_way": lambda w: replace(w, is_one_way=True),
    "everup.config_files": lambda w: replace(w, config_files=()),
    **{name: _careful_scaling(name) for name in scaling.SETTERS},
}
_RESTRAINING = frozenset({"everup.enable", "everup.mode", FREEZE_LABEL})
KNOWN = frozenset({*_SETTERS, FREEZE_LABEL, OWN_LABEL})
_NONE: Mapping[str, str] = MappingProxyType({})


def read_labels(
    container: str, labels: Mapping[str, str], of_image: Mapping[str, str] = _NONE
) -> Wishes:
    """The wishes of the service that this container is a copy of. Of labels that its image has with
    the same value counts what holds back."""
    ours, notes = _counted(container, labels, of_image)
    wishes = Wishes(labels=ours, notes=notes)
    is_held = False
    for name, value in ours.items():
        if name in _SETTERS:
            before = len(wishes.notes)
            wishes = _set(wishes, container, name, value)
            is_held |= name == _ENABLE and len(wishes.notes) > before
        elif name.startswith(_HOOK):
            wishes = _with_hook(wishes, container, name, value)
        elif name.startswith(_MODE):
            wishes, is_hold = _with_kind(wishes, container, name, value)
            is_held |= is_hold
        elif name not in KNOWN:
            wishes, is_hold = _unknown(wishes, container, name)
            is_held |= is_hold
    if wishes.scaling is not None:
        wishes = _scaled_together(wishes, wishes.scaling, container)
    return _only_observed(wishes) if is_held else wishes


def _scaled_together(wishes: Wishes, said: ScalingSpec, container: str) -> Wishes:
    whole, wrong = scaling.together(said)
    wishes = replace(wishes, scaling=whole)
    if wrong is None:
        return wishes
    return _with_note(wishes, container, f"labels {scaling.QUEUE}* {wrong[0]}", wrong[1])


def _counted(
    container: str, labels: Mapping[str, str], of_image: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Note, ...]]:
    counted, notes = {}, []
    for name, value in sorted(labels.items()):
        if not name.startswith(PREFIX) or name.startswith(INTERNAL):
            continue
        counts = what_counts(name, value, KNOWN) if of_image.get(name) == value else value
        if counts is not None:
            counted[name] = counts
        if counts != value:
            taken = "does not count" if counts is None else f"is taken as {counts}"
            text = f"label {name} {taken}: it is its image's, which may only hold Everup back"
            fix = "say it in an everup.yaml, or build the image without it"
            notes.append(Note(f"container {container}", text, fix, holds_back=True))
    return counted, tuple(notes)


def _set(wishes: Wishes, container: str, name: str, value: str) -> Wishes:
    try:
        return _SETTERS[name](wishes, value)
    except ValueError as error:
        careful = _CAREFUL.get(name, _same)(wishes)
        return _with_note(careful, container, f"label {name} says {shown(value)}", str(error))


def _with_kind(wishes: Wishes, container: str, name: str, value: str) -> tuple[Wishes, bool]:
    """One action kind's mode; whether the whole service must be held, as the kind is unknown."""
    word = name.removeprefix(_MODE)
    try:
        kind = ActionKind(word)
    except ValueError:
        meant = nearest(word, ActionKind)
        fix = f"did you mean {_MODE}{meant}?" if meant else f"kinds are {', '.join(ActionKind)}"
        noted = _with_note(wishes, container, f"label {name} names no kind of action", fix)
        return noted, value.strip().lower() != Mode.AUTO
    try:
        return replace(wishes, modes={**wishes.modes, kind: values.mode(value)}), False
    except ValueError as error:
        wishes = replace(wishes, modes={**wishes.modes, kind: Mode.OBSERVE})
        text = f"label {name} says {shown(value)}, so this is only observed"
        return _with_note(wishes, container, text, str(error)), False


def _with_hook(wishes: Wishes, container: str, name: str, value: str) -> Wishes:
    hook = name.removeprefix(_HOOK)
    try:
        wishes = replace(wishes, hooks={**wishes.hooks, hook: values.hook(hook, value)})
    except ValueError as error:
        return _with_note(wishes, container, f"label {name} cannot be used", str(error))
    if hook not in HOOKS:
        text = f"label {name}: no action asks for this hook"
        return _with_note(wishes, container, text, f"known are {', '.join(HOOKS)}")
    return wishes


def _unknown(wishes: Wishes, container: str, name: str) -> tuple[Wishes, bool]:
    """A label that does not exist; one that looks like holding back holds back."""
    meant = nearest(name, KNOWN)
    is_hold = meant in _RESTRAINING or name.startswith(tuple(_RESTRAINING))
    text = f"label {name} does not exist" + (", so it is only observed" if is_hold else "")
    fix = f"did you mean {meant}?" if meant else f"known are {', '.join(sorted(KNOWN))}"
    return _with_note(wishes, container, text, fix), is_hold


def _only_observed(wishes: Wishes) -> Wishes:
    return replace(wishes, mode=Mode.OBSERVE, modes={})


def _same(wishes: Wishes) -> Wishes:
    return wishes


def _with_note(wishes: Wishes, container: str, text: str, fix: str) -> Wishes:
    note = Note(f"container {container}", text, fix, is_mistake=True)
    return replace(wishes, notes=(*wishes.notes, note))
