"""What changed between two snapshots, per service, and whether it was us. Pure.

Flows in: two snapshots with what they refer to, and what we did between them. Flows out: a `Change`
for each aspect of each service that is another one. Called by `loop`.

| aspect | ours are |
|---|---|
| image, file | `emergency_rollback` |
| configuration | that, and what takes a service off its networks or puts it there |
| limit | `scale_up`, `scale_down` |
| replicas | `scale_out`, `scale_in`, `emergency_rollback`, where they led to this very number |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from everup.model.comparison import Aspect, Change, Deed
from everup.model.kinds import ActionKind, is_known
from everup.model.runtime import Captured, KeptFile
from everup.model.snapshot import ServiceSnapshot, Snapshot
from everup.rollback_manager.compare import NOISE, SINCE, bounded, is_other_title, of_content
from everup.rollback_manager.file_diff import FILES_MOST, file_differences
from everup.rollback_manager.file_diff import SINCE as FILES_SINCE

OURSELVES = "everup"
SOMEBODY = "somebody else"
MIB = 1024 * 1024
LIMITS = ("memory_bytes", "cpus", "host.Memory", "host.NanoCpus", "host.Cpu", "host.KernelMemory")
"""Beginnings of paths in a configuration that say how much an instance may use."""

ELSEWHERE = ("image", "instances")
_NETWORKS = (ActionKind.ISOLATE, ActionKind.REJOIN, ActionKind.FAILOVER)
OURS: Mapping[Aspect, frozenset[ActionKind]] = {
    Aspect.IMAGE: frozenset({ActionKind.EMERGENCY_ROLLBACK}),
    Aspect.FILE: frozenset({ActionKind.EMERGENCY_ROLLBACK}),
    Aspect.CONFIGURATION: frozenset({ActionKind.EMERGENCY_ROLLBACK, *_NETWORKS}),
    Aspect.LIMIT: frozenset(
        {ActionKind.SCALE_UP, ActionKind.SCALE_DOWN, ActionKind.EMERGENCY_ROLLBACK}
    ),
    Aspect.REPLICAS: frozenset(
        {ActionKind.SCALE_OUT, ActionKind.SCALE_IN, ActionKind.EMERGENCY_ROLLBACK}
    ),
}


@dataclass(frozen=True, slots=True)
class Held:
    """A snapshot with what it refers to: what could be read of its services and the stack's own
    files. `damaged`: service, or path → why it could not."""

    snapshot: Snapshot
    captured: Mapping[str, Captured] = field(repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    damaged: Mapping[str, str] = field(default_factory=dict)


def changes(first: Held, second: Held, deeds: Sequence[Deed]) -> Sequence[Change]:
    """From the first to the second. `deeds`: what we have done, in any order."""
    begin_s, end_s = first.snapshot.at_s, second.snapshot.at_s
    between = [deed for deed in deeds if begin_s <= deed.at_s <= end_s]
    found: list[Change] = []
    services = {**first.snapshot.services, **second.snapshot.services}
    for name in sorted(services):
        now = second.snapshot.services.get(name)
        count = 0 if now is None else now.instances
        for aspect, lines in _of_service(name, first, second):
            if lines:
                about = _about(aspect, count, between)
                found.append(_by_whom(name, aspect, bounded(lines), about))
    paths = {path for held in (first, second) for path in (*held.snapshot.files, *held.files)}
    for path in sorted(paths)[:FILES_MOST]:
        lines = list(file_differences(_own_file(path, first), _own_file(path, second), FILES_SINCE))
        if lines:
            found.append(Change("", Aspect.STACK_FILE, tuple(lines), by=SOMEBODY))
    return found


def _own_file(path: str, held: Held) -> Sequence[KeptFile]:
    """One of the stack's own files; of one that is damaged, that it is."""
    if (content := held.files.get(path)) is not None:
        return [KeptFile(path, sha256(content).hexdigest(), content)]
    is_there = path in held.snapshot.files or path in held.damaged
    return [KeptFile(path, why_not=held.damaged.get(path, "it was not read"))] if is_there else []


def _of_service(name: str, first: Held, second: Held) -> Iterator[tuple[Aspect, Sequence[str]]]:
    old, new = first.snapshot.services.get(name), second.snapshot.services.get(name)
    if old is None or new is None:
        yield Aspect.SERVICE, ["is new" if old is None else "is gone"]
        return
    if old.missing or new.missing:
        where = "the first" if old.missing else "the second"
        yield Aspect.SERVICE, [f"not recorded in {where}: {old.missing or new.missing}"]
        return
    lost = first.damaged.get(name) or second.damaged.get(name)
    if lost:
        yield Aspect.SERVICE, [f"cannot be compared: {lost}"]
        return
    before, after = first.captured.get(name), second.captured.get(name)
    limits = list(_limits(old, new))
    if before is not None and after is not None:
        if before.image != after.image or is_other_title(before, after):
            yield Aspect.IMAGE, [f"{_named(before)} → {_named(after)}"]
        lines, sizes = list[str](), list[str]()
        for path, text in of_content(before.content, after.content, SINCE):
            if path.startswith(LIMITS):
                sizes.append(f"{path}: {text}")
            elif path not in ELSEWHERE and not path.startswith(NOISE):
                lines.append(f"{path}: {text}")
        limits = limits or sizes
        yield Aspect.CONFIGURATION, lines
        files = file_differences(before.files, after.files, FILES_SINCE)
        yield Aspect.FILE, bounded(list(files))
    yield Aspect.LIMIT, limits
    if old.instances != new.instances:
        yield Aspect.REPLICAS, [f"{old.instances} → {new.instances}"]


def _limits(old: ServiceSnapshot, new: ServiceSnapshot) -> Iterator[str]:
    if not _is_same(old.memory_bytes, new.memory_bytes):
        yield f"memory: {_memory(old.memory_bytes)} → {_memory(new.memory_bytes)}"
    if not _is_same(old.cpus, new.cpus):
        yield f"cpus: {_cpus(old.cpus)} → {_cpus(new.cpus)}"


def _is_same(one: float, other: float) -> bool:
    return one == other or (not is_known(one) and not is_known(other))


def _memory(value: float) -> str:
    return f"{value / MIB:g} MiB" if is_known(value) else "no limit"


def _cpus(value: float) -> str:
    return f"{value:g}" if is_known(value) else "no limit"


def _named(captured: Captured) -> str:
    return captured.title or captured.image or "unknown"


def _about(aspect: Aspect, count: int, deeds: Sequence[Deed]) -> Sequence[Deed]:
    """What may have made this of it: a number is ours where we led to that very number."""
    if aspect is not Aspect.REPLICAS:
        return deeds
    return [deed for deed in deeds if deed.instances == count]


def _by_whom(service: str, aspect: Aspect, lines: Sequence[str], deeds: Sequence[Deed]) -> Change:
    kinds = OURS.get(aspect, frozenset())
    ours = [deed for deed in deeds if deed.service == service and deed.kind in kinds]
    if not ours:
        return Change(service, aspect, tuple(lines), by=SOMEBODY)
    people = dict.fromkeys(deed.by for deed in ours)
    said = ", ".join("Everup" if by == OURSELVES else f"Everup, asked by {by}" for by in people)
    ids = tuple(deed.action_id for deed in ours)
    return Change(service, aspect, tuple(lines), is_ours=True, by=said, action_ids=ids)
