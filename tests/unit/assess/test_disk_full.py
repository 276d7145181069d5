"""A full disk: when it is the cause, what is done about it, and who is told what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from everup.automated_recovery import propose
from everup.automated_recovery.propose import Decided
from everup.model.assessment import Finding
from everup.model.decision import Allowed, Escalate, Hold, Proposal
from everup.model.disk import FULL_BYTES, FULL_RATIO, MIB, Disk, fullest
from everup.model.incident import Attempt, Incident
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import Exit, Heard, InstanceObservation
from everup.model.stack import HookSpec, ServiceSpec, Stack
from everup.model.state import PastAction, ServiceState, StackState
from everup.safety import judge
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    context,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)

FULL = Disk("/data", "shop_data", "0:52", 8.0 * MIB, 0.0, 100.0, NOW_S)
ROOMY = replace(FULL, free_bytes=4.0 * MIB)
HOOK = {"free_space": HookSpec(command=("rm", "/data/cache"))}
DATABASE = service("db", is_stateful=True)
HOOKED = service("db", is_stateful=True, hooks=HOOK)


def on(one: InstanceObservation, disk: Disk | None, for_s: float = 60.0) -> InstanceObservation:
    full_s = NOW_S - for_s if disk is not None and disk.is_full else float("nan")
    return replace(one, instance=replace(one.instance, disk=disk), full_since_s=full_s)


def finding(*observed: InstanceObservation, what: ServiceSpec = DATABASE) -> Finding | None:
    return assess(stack(what), seen(*observed)).relations.findings.get(what.name)


def decided(
    what: Stack, *observed: InstanceObservation, state: StackState | None = None
) -> dict[str, Decided]:
    observation = seen(*observed)
    remembered = state or StackState()
    assessment = assess(what, observation, remembered)
    memory = settled_memory(what)
    answers = propose(what, observation, assessment, remembered, memory, SETTINGS)
    return {answer.service: answer for answer in answers}


@given(
    size=some.floats(1.0, 1e15),
    free=some.floats(0.0, 1e15),
    files=some.sampled_from([float("nan"), 0.0, 5.0]),
)
def test_full_is_under_both_or_out_of_files(size: float, free: float, files: float) -> None:
    disk = Disk("/x", size_bytes=size, free_bytes=free, free_files=files)
    has_no_bytes = free < FULL_BYTES and free / size < FULL_RATIO
    assert disk.is_full == (has_no_bytes or files == 0.0)
    assert fullest([disk, ROOMY, FULL]) in (disk, FULL) or not disk.is_full


def test_unknown_is_not_full() -> None:
    assert not Disk("/x").is_full
    assert not Disk("/x", size_bytes=8.0 * MIB).is_full
    assert not Disk("/x", free_bytes=0.0).is_full


@pytest.mark.parametrize(
    ("times", "failed_s", "full_s", "is_certain"),
    [(1, 0.5, 7.9, False), (1, 0.5, 8.0, True), (3, 10.0, 2.0, True), (2, 5.0, 5.0, False)],
)
def test_it_is_certain_by_failures_or_by_sights_that_last(
    times: int, failed_s: float, full_s: float, is_certain: bool
) -> None:
    one = failing("db", times=times, for_s=failed_s, heard=Heard.CHECK)
    found = finding(on(one, FULL, full_s))
    assert found is not None
    assert (found.cause, found.is_confirmed) == (Cause.DISK_FULL, is_certain)
    assert "volume shop_data at /data is full: 0 B of 8 MiB free" in found.reason


def test_who_passes_its_check_has_no_trouble_with_a_full_disk() -> None:
    assert finding(on(up("db"), FULL)) is None


def test_a_failing_check_beside_a_disk_with_room_is_what_it_was() -> None:
    found = finding(on(failing("db", heard=Heard.CHECK), ROOMY))
    assert found is not None
    assert found.cause is Cause.UNHEALTHY


def test_an_old_sight_proves_nothing() -> None:
    old = replace(FULL, at_s=NOW_S - SETTINGS.hang_lasts_s - 1)
    found = finding(on(failing("db", heard=Heard.CHECK), old))
    assert found is not None
    assert found.cause is Cause.UNHEALTHY


def test_the_kernels_word_on_a_hang_is_stronger() -> None:
    one = replace(failing("db", letter="T", heard=Heard.SILENCE), stuck_since_s=NOW_S - 20)
    found = finding(on(one, FULL))
    assert found is not None
    assert (found.cause, found.is_proven) == (Cause.HANG, True)


def test_without_a_hook_a_person_is_told_at_once_and_nobody_is_restarted() -> None:
    what = stack(DATABASE, service("web"))
    one = on(failing("db", times=1, for_s=0.5, heard=Heard.CHECK), FULL)
    answer = decided(what, one, on(up("web"), FULL))["db"]
    assert isinstance(answer, Escalate)
    assert answer.cause is Cause.DISK_FULL
    for said in (
        "shop_data at /data",
        "0 B of 8 MiB free",
        "web at /data",
        "declare a hook: free_space",
        "everup heal db",
        "Nothing in a volume is deleted",
    ):
        assert said in answer.text


def test_the_declared_hook_is_run_without_waiting_and_must_make_room() -> None:
    what = stack(HOOKED)
    one = on(failing("db", times=1, for_s=0.5, heard=Heard.CHECK), FULL)
    answer = decided(what, one)["db"]
    assert isinstance(answer, Proposal)
    (step,) = answer.steps
    assert (step.kind, step.parameters["hook"]) == (ActionKind.CACHE_CLEAR, "free_space")
    assert answer.expectation.has_room
    assert isinstance(judge(answer, context(what, seen(one))), Allowed)


def test_a_hook_that_did_not_help_is_not_run_again() -> None:
    tried = Attempt("act-1", ActionKind.CACHE_CLEAR, NOW_S - 60, "failed", "not in time: room")
    incident = Incident("inc-1", "db", Cause.DISK_FULL, "full", NOW_S - 70, attempts=(tried,))
    state = StackState(incidents={"inc-1": incident})
    answer = decided(stack(HOOKED), on(failing("db"), FULL), state=state)["db"]
    assert isinstance(answer, Escalate)
    assert "cache_clear: failed (not in time: room)" in answer.text
    assert "declare a hook" not in answer.text


@pytest.mark.parametrize(
    ("runs", "ago_s", "kind"), [(1, 300.0, Proposal), (1, 100.0, Escalate), (3, 300.0, Escalate)]
)
def test_a_hook_that_helps_for_a_while_is_run_again_within_its_budget(
    runs: int, ago_s: float, kind: type
) -> None:
    ends = [NOW_S - ago_s - 100.0 * n for n in reversed(range(runs))]
    past = tuple(
        PastAction(
            f"act-{n}",
            "db",
            ActionKind.CACHE_CLEAR,
            Origin.RECOVERY,
            Cause.DISK_FULL,
            end_s - 20.0,
            end_s,
            has_passed=True,
            on_running=True,
        )
        for n, end_s in enumerate(ends)
    )
    state = StackState(services={"db": ServiceState(past=past)})
    answer = decided(stack(HOOKED), on(failing("db"), FULL), state=state)["db"]
    assert isinstance(answer, kind)
    if isinstance(answer, Escalate):
        assert "its hook free_space helped for a while" in answer.text


def test_what_died_of_it_is_told_and_started_only_where_a_hook_can_help_it_then() -> None:
    death = replace(FULL, at_s=NOW_S - 3)
    found = finding(on(dead("db"), death))
    assert found is not None
    assert (found.cause, found.shows, found.is_dead) == (Cause.DISK_FULL, Cause.CRASH, True)
    assert isinstance(decided(stack(DATABASE), on(dead("db"), death))["db"], Escalate)
    started = decided(stack(HOOKED), on(dead("db"), death))["db"]
    assert isinstance(started, Proposal)
    assert started.kind is ActionKind.CONTAINER_RESTART


def test_who_was_killed_for_memory_did_not_die_of_its_disk() -> None:
    one = dead("db")
    killed = replace(one.instance, exit=Exit(NOW_S - 1, -9, is_out_of_memory=True))
    found = finding(on(replace(one, instance=killed), FULL))
    assert found is not None
    assert found.cause is Cause.CRASH


def test_one_incident_for_all_who_share_the_disk() -> None:
    """The one with a hook stands for the others; who has an incident already keeps it."""
    a, b = service("a", is_stateful=True), service("b", is_stateful=True, hooks=HOOK)
    ill = [on(failing(name, heard=Heard.CHECK), FULL) for name in ("a", "b")]
    answers = decided(stack(a, b), *ill)
    assert isinstance(answers["a"], Hold)
    assert isinstance(answers["b"], Proposal)
    incident = Incident("inc-1", "a", Cause.DISK_FULL, "full", NOW_S - 5)
    answers = decided(stack(a, b), *ill, state=StackState(incidents={"inc-1": incident}))
    assert isinstance(answers["a"], Escalate)
    assert isinstance(answers["b"], Hold)


def test_disks_of_their_own_are_troubles_of_their_own() -> None:
    a, b = service("a", is_stateful=True), service("b", is_stateful=True)
    other = replace(FULL, device="8:1")
    answers = decided(stack(a, b), on(failing("a"), FULL), on(failing("b"), other))
    assert {type(answer) for answer in answers.values()} == {Escalate}
