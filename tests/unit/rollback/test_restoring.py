"""What restoring a set would do: in which order, what is left alone, what stands against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.kinds import DependencyKind, Purpose
from everup.model.restore import (
    LeftAlone,
    NothingToDo,
    RestorePlan,
    RestoreTarget,
    RunsNow,
    Wanted,
)
from everup.model.safe_point import SafePoint
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason
from everup.model.stack import Dependency, ServiceSpec, Stack
from everup.model.state import ServiceState, StackState
from everup.rollback_manager import in_order, plan_restore, resolved, target_of
from tests.unit.builders import NOW_S, SETTINGS, service, stack

OLD, NEW = "1:old", "1:new"
CHAIN = stack(service("web", "api"), service("api", "db"), service("db"), service("mail"))


def target(*names: str, is_named: bool = True, snapshot: str = "") -> RestoreTarget:
    return RestoreTarget({n: Wanted(n, OLD, f"{n}:1") for n in names}, snapshot, is_named)


def now(what: Stack, version: str = NEW) -> dict[str, RunsNow]:
    return {n: RunsNow(n, version, f"{n}:2", 1) for n in what.services}


def planned(
    what: Stack,
    wanted: RestoreTarget,
    state: StackState | None = None,
    found: dict[tuple[str, str], tuple[str, str]] | None = None,
    runs: dict[str, RunsNow] | None = None,
) -> RestorePlan | NothingToDo:
    runs = now(what) if runs is None else runs
    return plan_restore(wanted, what, state or StackState(), runs, found or {}, SETTINGS)


def test_what_others_need_goes_first() -> None:
    plan = planned(CHAIN, target("web", "db", "api", "mail"))
    assert isinstance(plan, RestorePlan)
    assert plan.services == ("db", "api", "mail", "web")
    assert (plan.steps[0].from_version, plan.steps[0].to_version) == (NEW, OLD)
    assert (plan.steps[0].from_title, plan.steps[0].to_title) == ("db:2", "db:1")
    assert (plan.refusals, plan.left, plan.notes) == ((), (), ())


def test_a_need_counts_over_who_stays_as_it_is_and_priority_decides_the_rest() -> None:
    assert in_order(CHAIN, ["web", "db"]) == ("db", "web")
    busy = stack(service("a"), service("b", priority=5), service("c", priority=9))
    assert in_order(busy, ["a", "b", "c"]) == ("c", "b", "a")


def test_soft_needs_give_way_in_a_circle() -> None:
    soft = Dependency("web", DependencyKind.SOFT)
    circle = stack(service("web", "api"), service("api", depends_on=(soft,)))
    assert in_order(circle, ["web", "api"]) == ("api", "web")
    hard = stack(service("a", "b"), service("b", "a", priority=1))
    assert in_order(hard, ["a", "b"]) == ("b", "a")


@given(
    edges=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20),
    names=st.sets(st.integers(0, 7), min_size=1),
    priorities=st.lists(st.integers(-3, 3), min_size=8, max_size=8),
)
def test_any_graph_has_an_order_and_needs_come_first_where_they_can(
    edges: set[tuple[int, int]], names: set[int], priorities: list[int]
) -> None:
    acyclic = {(a, b) for a, b in edges if a > b}
    for some in (acyclic, edges):
        what = stack(
            *(
                service(f"s{n}", *(f"s{b}" for a, b in some if a == n), priority=priorities[n])
                for n in range(8)
            )
        )
        order = in_order(what, [f"s{n}" for n in names])
        assert sorted(order) == sorted(f"s{n}" for n in names)
        if some is acyclic:
            place = {name: i for i, name in enumerate(order)}
            for a, b in some:
                if f"s{a}" in place and f"s{b}" in place:
                    assert place[f"s{b}"] < place[f"s{a}"]


def test_nothing_to_do_is_an_answer_with_a_type() -> None:
    found = planned(CHAIN, target("web", "db"), runs=now(CHAIN, OLD))
    assert isinstance(found, NothingToDo)
    assert found.left == (
        LeftAlone("web", "it runs from that already"),
        LeftAlone("db", "it runs from that already"),
    )


def test_who_runs_from_several_versions_is_changed() -> None:
    runs = now(CHAIN, OLD)
    runs["db"] = replace(runs["db"], others=(NEW,))
    plan = planned(CHAIN, target("db"), runs=runs)
    assert isinstance(plan, RestorePlan)
    assert plan.services == ("db",)


@pytest.mark.parametrize(
    ("changes", "name", "word"),
    [
        ({"is_stateful": True}, "stateful", "rollback_safe"),
        ({"is_one_way": True}, "one_way", "its schema changes"),
        ({"is_one_way": True, "is_stateful": True, "rollback_is_safe": True}, "one_way", "schema"),
    ],
)
def test_what_its_owner_forbids_refuses_the_whole(
    changes: dict[str, bool], name: str, word: str
) -> None:
    what = stack(service("web"), service("db", **changes))
    plan = planned(what, target("web", "db"))
    assert isinstance(plan, RestorePlan)
    (refusal,) = plan.refusals
    assert (refusal.service, refusal.name) == ("db", name)
    assert word in refusal.reason
    assert plan.services == ("db", "web"), "and what would be done is shown all the same"


def test_stateful_and_declared_safe_may_go_back() -> None:
    what = stack(service("db", is_stateful=True, rollback_is_safe=True))
    plan = planned(what, target("db"))
    assert isinstance(plan, RestorePlan)
    assert plan.refusals == ()


def test_what_is_damaged_or_gone_is_refused_by_name() -> None:
    found = {("db", OLD): ("damaged", "its sum differs")}
    plan = planned(CHAIN, target("db", "web"), found=found)
    assert isinstance(plan, RestorePlan)
    assert [(r.service, r.name) for r in plan.refusals] == [("db", "damaged")]
    plan = planned(CHAIN, target("db"), runs={"db": RunsNow("db")})
    assert isinstance(plan, RestorePlan)
    assert [r.name for r in plan.refusals] == ["not_seen"]


def test_rollback_that_is_switched_off_is_off_here_too() -> None:
    off = replace(SETTINGS, rollback_enabled=False)
    plan = plan_restore(target("db"), CHAIN, StackState(), now(CHAIN), {}, off)
    assert isinstance(plan, RestorePlan)
    assert [r.name for r in plan.refusals] == ["rollback_off"]


def test_who_was_stopped_or_runs_once_stays_and_is_refused_when_named() -> None:
    stopped = ServiceState(purpose=Purpose.STOPPED, purpose_by="Ann")
    state = StackState({"web": stopped})
    what = stack(service("web"), service("db"), service("job", is_one_shot=True))
    plan = planned(what, target("web", "db", "job", "gone", is_named=False), state)
    assert isinstance(plan, RestorePlan)
    assert plan.services == ("db",)
    assert plan.refusals == ()
    assert [one.service for one in plan.left] == ["web", "job", "gone"]
    assert "stopped by Ann" in plan.left[0].reason
    plan = planned(what, target("web", "db"), state)
    assert isinstance(plan, RestorePlan)
    assert [r.name for r in plan.refusals] == ["left_alone"]


def test_other_counts_are_part_of_it_and_who_is_not_in_it_is_said() -> None:
    wanted = RestoreTarget({"db": Wanted("db", OLD, instances=3)}, "snap-1")
    plan = planned(stack(service("db"), service("web")), wanted)
    assert isinstance(plan, RestorePlan)
    assert [(s.instances_now, s.instances_then) for s in plan.steps] == [(1, 3)]
    assert "web is not part of snap-1" in plan.notes[0]


def test_a_version_is_found_where_none_is_named() -> None:
    point = SafePoint("db", OLD, "db:1", NOW_S)
    known = ServiceState(version=NEW, safe_points=(point,))
    found = resolved(
        RestoreTarget({"db": Wanted("db")}), CHAIN, StackState({"db": known}), SETTINGS
    )
    assert isinstance(found, RestoreTarget)
    assert (found.services["db"].version, found.services["db"].title) == (OLD, "db:1")
    missing = resolved(
        RestoreTarget({"db": Wanted("db"), "no": Wanted("no")}, is_named=True),
        CHAIN,
        StackState(),
        SETTINGS,
    )
    assert isinstance(missing, tuple)
    assert [r.name for r in missing] == ["nothing_to_roll_back", "unknown_service"]


def test_a_snapshot_is_a_target_whole_or_in_part() -> None:
    parts = {
        "db": ServiceSnapshot("db", OLD, "db:1", "d1", instances=2),
        "web": ServiceSnapshot("web", OLD),
        "mail": ServiceSnapshot("mail", missing="the engine did not answer"),
    }
    snapshot = Snapshot("snap-1", "s", NOW_S, SnapshotReason.BY_HAND, "Ann", parts)
    whole = target_of(snapshot)
    assert isinstance(whole, RestoreTarget)
    assert (set(whole.services), whole.snapshot_id, whole.is_named) == ({"db", "web"}, "snap-1", 0)
    assert whole.services["db"] == Wanted("db", OLD, "db:1", 2)
    part = target_of(snapshot, ["db"])
    assert isinstance(part, RestoreTarget)
    assert (set(part.services), part.is_named) == ({"db"}, True)
    refused = target_of(snapshot, ["mail", "no"])
    assert isinstance(refused, tuple)
    assert [r.name for r in refused] == ["not_kept", "unknown_service"]


def test_a_spec_is_not_one_way_unless_said() -> None:
    assert not ServiceSpec("a").is_one_way


def test_what_was_counted_otherwise_is_refused_since_it_could_not_be_proven() -> None:
    runs = now(CHAIN, "2:old")
    plan = planned(CHAIN, target("web", "db"), runs=runs)
    assert isinstance(plan, RestorePlan)
    assert {(r.service, r.name) for r in plan.refusals} == {
        ("web", "not_comparable"),
        ("db", "not_comparable"),
    }
