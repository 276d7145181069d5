"""Which snapshots are due and which are given up. Pure.

Flows in: what the journal remembers of them, the time, settings. Flows out: whether one is due, and
what is dropped with the reason. Called by `loop.snapshots`, which does it.

Dropped first is what a newer one holds too, then the oldest; what a person took goes after all
others. Never: the newest of all, the newest safe one, one that is in use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, is_known
from everup.model.safe_point import SafePoint
from everup.model.settings import Settings
from everup.model.snapshot import SnapshotMark, SnapshotReason
from everup.model.stack import Stack
from everup.model.state import StackState

IN_USE = "snapshot"
"""Parameter of a step that goes back to one: its id."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One snapshot that is given up, and why."""

    snapshot_id: str
    reason: str


def is_due(now_s: float, at_s: float, interval_s: float) -> bool:
    """Was it never done, or not within its interval? A clock that went back makes it due."""
    return not 0.0 <= now_s - at_s < interval_s


def taken_at_s(marks: Sequence[SnapshotMark]) -> float:
    """When the newest one was taken; NaN: there is none."""
    return marks[-1].at_s if marks else UNKNOWN


def is_safe(mark: SnapshotMark, stack: Stack, state: StackState) -> bool:
    """Was everything in it well over its probation, when it was taken or later?"""
    return mark.is_safe or all_safe(mark.versions, mark.missing, stack, state)


def all_safe(
    versions: Mapping[str, str], missing: Collection[str], stack: Stack, state: StackState
) -> bool:
    """Is each of these versions a safe point of its service? What runs once and ends has none."""
    lasting = [n for n, spec in stack.services.items() if not spec.is_one_shot]
    if not lasting or any(name in missing for name in lasting):
        return False
    return all(
        any(point.version == versions.get(name) for point in state.service(name).safe_points)
        for name in lasting
    )


def in_use(state: StackState) -> frozenset[str]:
    """Snapshots that an action or a restore under way goes back to, or came from."""
    steps = (flight.step for flight in state.in_flight.values())
    used = {str(s.parameters[IN_USE]) for s in steps if IN_USE in s.parameters}
    restore = state.open_restore
    if restore is not None:
        used |= {restore.snapshot_id, restore.back_to_id}
    return frozenset(used - {""})


def to_drop(
    stack: Stack,
    state: StackState,
    used: Collection[str],
    running: Collection[str],
    settings: Settings,
) -> Sequence[Dropped]:
    """Those beyond the number that is kept, then those whose images take too much room. `used`:
    ids that somebody needs now; `running`: content addresses of images that run now."""
    marks = list(state.snapshots)
    safe = [mark.id for mark in marks if is_safe(mark, stack, state)]
    kept = {*used, *in_use(state), *safe[-1:], *(mark.id for mark in marks[-1:])}
    found: list[Dropped] = []
    while len(marks) > settings.snapshots_most:
        mark = _least(marks, kept)
        if mark is None:
            break
        marks.remove(mark)
        found.append(Dropped(mark.id, f"more than {settings.snapshots_most} are not kept"))
    points = [p for one in state.services.values() for p in one.safe_points]
    stays = {image for mark in marks if mark.id in kept for image in mark.images}
    stays |= {*running, *(p.image for p in points if p.reference)}
    for mark in sorted((m for m in marks if m.id not in kept), key=_is_by_hand):
        if held_bytes(marks, points, running) <= settings.pinned_images_total_bytes:
            break
        if stays.issuperset(mark.images):
            continue  # no image could be pruned for it
        marks.remove(mark)
        found.append(Dropped(mark.id, _too_much(settings)))
    return found


def points_to_drop(
    state: StackState, running: Collection[str], settings: Settings
) -> Sequence[tuple[SafePoint, str]]:
    """Safe points go last, and never the newest one of a service; oldest first."""
    marks, found = state.snapshots, list[tuple[SafePoint, str]]()
    points = [p for one in state.services.values() for p in one.safe_points]
    used = {str(f.step.parameters.get("to", "")) for f in state.in_flight.values()}
    wanted = held_by_a_restore(state)
    older = [p for one in state.services.values() for p in one.safe_points[:-1]]
    for point in sorted(older, key=lambda p: p.kept_at_s):
        held = held_bytes(marks, points, running)
        if held <= settings.pinned_images_total_bytes:
            break
        others = [other for other in points if other is not point]
        is_freed = held_bytes(marks, others, running) < held
        is_wanted = point.version in used or (point.service, point.version) in wanted
        if is_freed and not is_wanted:
            points = others
            found.append((point, _too_much(settings)))
    return found


def held_bytes(
    marks: Sequence[SnapshotMark], points: Sequence[SafePoint], running: Collection[str]
) -> float:
    """Of images that are held for these and that nothing runs from now. Layers that images share
    count for each; what is not known counts nothing."""
    images = {image: size for mark in marks for image, size in mark.images.items()}
    images |= {p.image: p.image_bytes for p in points if p.reference}
    return sum(s for image, s in images.items() if image not in running and is_known(s))


def held_by_a_restore(state: StackState) -> frozenset[tuple[str, str]]:
    """(service, version) that one which is under way goes back to, or came from."""
    restore = state.open_restore
    if restore is None:
        return frozenset()
    both = [(s.service, (s.from_version, s.to_version)) for s in restore.steps]
    return frozenset((service, version) for service, pair in both for version in pair)


def still_held(state: StackState, service: str, version: str) -> bool:
    """Does a safe point, a snapshot or a restore still want our name on the image of this version?
    Those of mode observe never gave one."""
    if (service, version) in held_by_a_restore(state):
        return True
    points = state.service(service).safe_points
    return any(point.version == version and point.reference for point in points) or any(
        mark.images and mark.holds(service, version) for mark in state.snapshots
    )


def _least(marks: Sequence[SnapshotMark], kept: Collection[str]) -> SnapshotMark | None:
    """The one that is missed least."""
    may = sorted((mark for mark in marks if mark.id not in kept), key=_is_by_hand)
    for mark in may:
        later = marks[marks.index(mark) + 1 :]
        if not _is_by_hand(mark) and any(_holds_all(o, mark) for o in later):
            return mark
    return may[0] if may else None


def _is_by_hand(mark: SnapshotMark) -> bool:
    return mark.reason is SnapshotReason.BY_HAND


def _holds_all(other: SnapshotMark, mark: SnapshotMark) -> bool:
    return other.versions == mark.versions and other.instances == mark.instances


def _too_much(settings: Settings) -> str:
    return f"images that are kept take over {settings.pinned_images_total_bytes / 2**30:.3g} GiB"
