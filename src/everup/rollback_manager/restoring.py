"""What restoring a snapshot or a set would do, in which order, and what stands against it. Pure.

Flows in: the stack, a target, what is remembered, what runs now, and what was found of what is
kept. Flows out: a `RestorePlan`, or `NothingToDo`. All of it goes back or nothing does: one refusal
refuses the whole, unless that service is left out by name. Called by `loop.restores`, which reads
and checks everything that is kept before it asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from everup.model.kinds import Purpose
from everup.model.restore import (
    LeftAlone,
    NothingToDo,
    PlannedStep,
    RestorePlan,
    RestoreRefusal,
    RestoreTarget,
    RunsNow,
    Wanted,
)
from everup.model.safe_point import number_stays
from everup.model.settings import Settings
from everup.model.snapshot import Snapshot
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState
from everup.model.version import is_comparable, only_files_differ
from everup.rollback_manager.choose import (
    NOT_COMPARABLE,
    ONE_WAY,
    NoWayBack,
    forbidden,
    number_of,
    title_of,
    way_back,
)
from everup.rollback_manager.order import in_order

Found = Mapping[tuple[str, str], tuple[str, str]]
"""(service, version) → (name, reason) of what is wrong with what is kept of it; not in it: all is
well with it."""


def target_of(
    snapshot: Snapshot, services: Collection[str] = ()
) -> RestoreTarget | tuple[RestoreRefusal, ...]:
    """All that the snapshot holds, or these services as they were in it; or why not."""
    refusals: list[RestoreRefusal] = []
    for name in services:
        part = snapshot.services.get(name)
        if part is None:
            known = ", ".join(sorted(snapshot.services))
            text = f"{snapshot.id} holds nothing of {name!r}; it holds: {known}"
            refusals.append(RestoreRefusal(name, "unknown_service", text))
        elif part.missing:
            text = f"{snapshot.id} holds nothing of {name}: {part.missing}"
            refusals.append(RestoreRefusal(name, "not_kept", text))
    if refusals:
        return tuple(refusals)
    parts = {
        name: Wanted(name, part.version, part.title, part.instances)
        for name, part in snapshot.services.items()
        if not part.missing and (not services or name in services)
    }
    return RestoreTarget(parts, snapshot.id, bool(services))


def resolved(
    target: RestoreTarget, stack: Stack, state: StackState, settings: Settings
) -> RestoreTarget | tuple[RestoreRefusal, ...]:
    """The target with a version for each service: where none is named, what it was last well with,
    or why there is nothing."""
    services: dict[str, Wanted] = {}
    refusals: list[RestoreRefusal] = []
    for name, wanted in target.services.items():
        spec = stack.services.get(name)
        if spec is None:
            if target.is_named:
                known = ", ".join(sorted(stack.services))
                text = f"no service {name!r} in stack {stack.name}; there are: {known}"
                refusals.append(RestoreRefusal(name, "unknown_service", text))
            continue
        if wanted.version:
            services[name] = wanted
            continue
        point = way_back(spec, state.service(name), settings)
        if isinstance(point, NoWayBack):
            refusals.append(RestoreRefusal(name, "nothing_to_roll_back", point.reason))
            continue
        count = number_of(spec, state.service(name), point)
        title = title_of(state.service(name), point, count)
        services[name] = replace(wanted, version=point.version, title=title, instances=count)
    return tuple(refusals) if refusals else replace(target, services=services)


def plan_restore(
    target: RestoreTarget,
    stack: Stack,
    state: StackState,
    now: Mapping[str, RunsNow],
    found: Found,
    settings: Settings,
) -> RestorePlan | NothingToDo:
    """`target` is resolved: each service has a version."""
    left: list[LeftAlone] = []
    refusals: list[RestoreRefusal] = []
    steps: dict[str, PlannedStep] = {}
    kept: list[str] = []
    for name, wanted in target.services.items():
        spec = stack.services.get(name)
        if spec is None:
            left.append(LeftAlone(name, "it is not part of the stack any more"))
            continue
        runs = now.get(name, RunsNow(name))
        is_there = runs.version == wanted.version and not runs.others
        count, stays = _number(spec, wanted, runs)
        if is_there and not count:
            left.append(LeftAlone(name, stays or "it runs from that already"))
            continue
        if why := _is_left(spec, state):
            if target.is_named:
                refusals.append(RestoreRefusal(name, "left_alone", f"{name}: {why}"))
            left.append(LeftAlone(name, why))
            continue
        refusals += _refusals(spec, wanted, runs, found, settings, is_there=is_there)
        steps[name] = PlannedStep(
            name,
            runs.version,
            wanted.version,
            _titled(runs.title or runs.version, runs.instances, count),
            _titled(wanted.title or wanted.version, count, count),
            runs.instances,
            count,
        )
        if stays:
            kept.append(stays)
    if not steps and not refusals:
        return NothingToDo(target, tuple(left))
    order = tuple(steps[name] for name in in_order(stack, steps))
    notes = (*kept, *_notes(target, stack, order))
    return RestorePlan(target, order, tuple(left), tuple(refusals), notes)


def _number(spec: ServiceSpec, wanted: Wanted, runs: RunsNow) -> tuple[int, str]:
    """(How many instances there are to be, 0 for as many as there are; why there stay as many)."""
    then, now = wanted.instances, runs.instances
    if not then or not now or then == now:
        return 0, ""
    why = number_stays(spec, now, then)
    if not why and runs.others and runs.version == wanted.version:
        why = "some of them run from something else, which goes first"
    if not why:
        return then, ""
    text = f"{spec.name} had {then} instances then and has {now} now, which stays: {why}"
    return 0, text


def _titled(title: str, instances: int, count: int) -> str:
    """With how many, where that is part of the step."""
    if not count or not instances or title.endswith(("instance", "instances")):
        return title
    return f"{title}, {instances} instance{'s' if instances > 1 else ''}"


def _is_left(spec: ServiceSpec, state: StackState) -> str:
    """Why it is not touched though the target speaks of it; "" when it is."""
    remembered = state.service(spec.name)
    if spec.is_one_shot:
        return "it runs once, and a restore does not run it again"
    if remembered.purpose is Purpose.STOPPED:
        return f"it was stopped by {remembered.purpose_by}, and a restore would start it"
    return ""


def _refusals(
    spec: ServiceSpec,
    wanted: Wanted,
    runs: RunsNow,
    found: Found,
    settings: Settings,
    *,
    is_there: bool,
) -> Iterator[RestoreRefusal]:
    """The strongest first; where an owner forbids it, what is kept does not matter. `is_there`:
    only the number of its instances would change."""
    name = spec.name
    no = forbidden(spec, settings)
    if no is not None and not (is_there and no.name == ONE_WAY):
        yield RestoreRefusal(name, no.name, no.reason)
    elif not runs.version:
        text = f"what {name} runs from was not seen, so that there would be no way back"
        yield RestoreRefusal(name, "not_seen", text)
    elif not is_comparable(wanted.version, runs.version):
        yield RestoreRefusal(name, "not_comparable", NOT_COMPARABLE.format(name))
    elif (name, wanted.version) in found:
        trouble, text = found[name, wanted.version]
        yield RestoreRefusal(name, trouble, text)


def _notes(target: RestoreTarget, stack: Stack, steps: tuple[PlannedStep, ...]) -> Iterator[str]:
    """What a person should know beside the steps."""
    for step in steps:
        if only_files_differ(step.from_version, step.to_version):
            yield f"of {step.service} nothing but configuration files goes back"
        elif step.from_version != step.to_version and step.from_title == step.to_title:
            yield f"of {step.service} the configuration goes back; its image is the same"
    if target.snapshot_id and not target.is_named:
        for name in sorted(set(stack.services) - set(target.services)):
            yield f"{name} is not part of {target.snapshot_id} and stays as it is"
