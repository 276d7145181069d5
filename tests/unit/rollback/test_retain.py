"""What is dropped of what is kept: bounds hold, and what somebody needs never goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.decision import Expectation, Step
from everup.model.evidence import Sighting
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin
from everup.model.safe_point import SafePoint
from everup.model.settings import Settings
from everup.model.snapshot import SnapshotMark, SnapshotReason
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import InFlight, ServiceState, StackState
from everup.rollback_manager import is_due, is_safe, points_to_drop, still_held, to_drop
from everup.rollback_manager.retain import held_bytes, in_use

STACK = Stack("s", {"a": ServiceSpec("a"), "job": ServiceSpec("job", is_one_shot=True)})
SETTINGS = Settings()
GIB = 2**30
SIZES = {"p": 30.0, "q": 20.0, "r": 10.0, "s": 5.0, "t": UNKNOWN}
MARKS = st.lists(
    st.builds(
        SnapshotMark,
        id=st.uuids().map(str),
        at_s=st.floats(0, 1e6),
        reason=st.sampled_from(SnapshotReason),
        by=st.just("x"),
        digest=st.just("ab" * 32),
        is_safe=st.booleans(),
        versions=st.dictionaries(st.just("a"), st.sampled_from(["1", "2", "3"])),
        instances=st.dictionaries(st.just("a"), st.integers(1, 2)),
        images=st.sets(st.sampled_from("pqrst")).map(lambda names: {n: SIZES[n] for n in names}),
    ),
    max_size=16,
)


def mark(name: str, version: str = "1", **more: object) -> SnapshotMark:
    base = SnapshotMark(name, 1.0, SnapshotReason.SCHEDULE, "everup", "ab" * 32)
    return replace(base, versions={"a": version}, **more)  # type: ignore[arg-type]


def state(*marks: SnapshotMark, points: tuple[SafePoint, ...] = ()) -> StackState:
    version = points[-1].version if points else ""
    services = {"a": ServiceState(version=version, safe_points=points)}
    return StackState(services=services, snapshots=marks)


def dropped(known: StackState, *used: str, **settings: float) -> list[str]:
    chosen = replace(SETTINGS, **settings)  # type: ignore[arg-type]
    return [one.snapshot_id for one in to_drop(STACK, known, used, (), chosen)]


@given(MARKS, st.integers(2, 12), st.floats(0, 60), st.data())
def test_bounds_hold_and_what_is_needed_stays(
    marks: list[SnapshotMark], most: int, budget: float, data: st.DataObject
) -> None:
    used = data.draw(st.lists(st.sampled_from([m.id for m in marks]), max_size=2)) if marks else []
    known = state(*marks)
    settings = replace(SETTINGS, snapshots_most=most, pinned_images_total_bytes=int(budget))
    gone = {one.snapshot_id for one in to_drop(STACK, known, used, ("p",), settings)}
    left = [one for one in marks if one.id not in gone]
    safe = [one.id for one in marks if one.is_safe]
    needed = {*used, *safe[-1:], *(one.id for one in marks[-1:])}
    assert needed <= {one.id for one in left}
    assert len(left) <= max(most, len(needed))
    over = held_bytes(left, (), ("p",)) > settings.pinned_images_total_bytes
    if over:  # whatever could still go would free nothing
        stay = [one for one in left if one.id in needed]
        assert held_bytes(stay, (), ("p",)) == held_bytes(left, (), ("p",))
    assert not dropped(replace(known, snapshots=tuple(left)), *used, snapshots_most=most) or over


def test_what_a_newer_one_holds_too_goes_first() -> None:
    marks = [mark("1", "1"), mark("2", "2"), mark("3", "2"), mark("4", "3"), mark("5", "3")]
    assert dropped(state(*marks), snapshots_most=4) == ["2"]
    assert dropped(state(*marks), snapshots_most=3) == ["2", "4"]
    assert dropped(state(*marks), snapshots_most=2) == ["2", "4", "1"]
    by_hand = replace(marks[1], reason=SnapshotReason.BY_HAND)
    assert dropped(state(marks[0], by_hand, *marks[2:]), snapshots_most=4) == ["4"]
    assert dropped(state(*marks), "2", "1", snapshots_most=2) == ["4", "3"]


def test_the_oldest_images_go_over_budget_and_what_runs_counts_nothing() -> None:
    old, new = mark("1", "1", images={"p": 6.0 * GIB}), mark("2", "2", images={"q": 6.0 * GIB})
    last = mark("3", "2")
    assert dropped(state(old, new, last), pinned_images_total_bytes=12 * GIB) == []
    assert dropped(state(old, new, last), pinned_images_total_bytes=10 * GIB) == ["1"]
    assert dropped(state(old, new, last), pinned_images_total_bytes=0) == ["1", "2"]
    settings = replace(SETTINGS, pinned_images_total_bytes=10 * GIB)
    assert not to_drop(STACK, state(old, new, last), (), ("p",), settings)
    shared = [mark(n, n, images={"p": 6.0 * GIB}) for n in ("1", "2")]
    assert dropped(state(*shared, last), pinned_images_total_bytes=0) == ["1", "2"]
    assert held_bytes([mark("1", images={"p": UNKNOWN})], (), ()) == 0.0


def test_safe_points_go_last_and_never_the_newest_of_a_service() -> None:
    points = tuple(
        SafePoint("a", version, version, at_s, image, "everup-kept:x", 6.0 * GIB)
        for version, at_s, image in (("1", 1.0, "p"), ("2", 2.0, "q"))
    )
    settings = replace(SETTINGS, pinned_images_total_bytes=1 * GIB)
    known = state(points=points)
    assert [p.version for p, _ in points_to_drop(known, ("q",), settings)] == ["1"]
    assert not points_to_drop(known, ("q",), replace(settings, pinned_images_total_bytes=7 * GIB))
    held = state(mark("1", "1", images={"p": 6.0 * GIB}), points=points)
    assert not points_to_drop(held, ("q",), settings), "a snapshot holds the same image"


def test_safe_is_what_was_proven_then_or_since() -> None:
    point = SafePoint("a", "1", "one", 1.0)
    assert is_safe(mark("1"), STACK, state(points=(point,)))
    assert not is_safe(mark("1", "2"), STACK, state(points=(point,)))
    assert not is_safe(mark("1", missing=("a",)), STACK, state(points=(point,)))
    assert is_safe(mark("1", "2", is_safe=True), STACK, state())
    assert not is_safe(mark("1"), Stack("s", {}), state(points=(point,)))


@pytest.mark.parametrize(
    ("now_s", "at_s", "expected"),
    [(10.0, UNKNOWN, True), (10.0, 5.0, False), (16.0, 5.0, True), (1.0, 5.0, True)],
)
def test_due_is_never_done_too_old_or_from_the_future(
    now_s: float, at_s: float, expected: bool
) -> None:
    assert is_due(now_s, at_s, 10.0) is expected


def test_one_that_is_being_gone_back_to_is_in_use() -> None:
    step = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {"snapshot": "1", "to": "1"})
    flight = InFlight(
        *("act-1", None, "key", Origin.PERSON, Cause.REQUESTED, step, 1.0, Sighting(1.0)),
        Expectation("a", 60.0),
    )
    known = replace(state(mark("1"), mark("2"), mark("3")), in_flight={"a": flight})
    assert in_use(known) == {"1"}
    assert dropped(known, snapshots_most=2) == ["2"]
    named = state(mark("1", images={"p": 1.0}))
    assert still_held(named, "a", "1")
    assert not still_held(known, "a", "1"), "no image was named for it"
    assert not still_held(named, "a", "9")
    assert not still_held(known, "b", "")
