"""A late answer proves nothing, and an old sight proves nothing of now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.readings import Usage, doubted, fold_probe, fold_usage
from everup.model.assessment import Finding
from everup.model.kinds import Cause, InstanceState, ProbeVerdict, is_known
from everup.model.observation import Heard, Instance, InstanceObservation, ProbeResult
from tests.unit.builders import NOW_S, assess, failing, seen, service, stack

ONE = stack(service("a"))
SILENT = Heard.SILENCE


def finding(observed: InstanceObservation) -> Finding:
    return assess(ONE, seen(observed)).relations.findings["a"]


def used(cpu_s: float, waited_s: float) -> Usage:
    """What a listing says 5 s after one at which nothing was used yet."""
    before = Instance("a", "a-0", "a!1", InstanceState.RUNNING, cpu_seconds=0.0, io_bytes=0.0)
    before = replace(before, waited_s=0.0)
    now = replace(before, cpu_seconds=cpu_s, waited_s=waited_s)
    return fold_usage(Usage(), before, 0.0, now, 5.0)


def test_who_wants_the_processor_and_hardly_gets_it_is_starved_and_not_idle() -> None:
    usage = used(0.01, 4.9)
    assert usage.starved_at_s == 5.0
    assert not is_known(usage.idle_since_s)


@pytest.mark.parametrize(
    ("cpu_s", "waited_s"),
    [(0.0, 0.0), (0.001, 0.02), (4.0, 1.0), (2.0, 3.0), (0.001, float("nan"))],
    ids=["asleep", "wakes up", "works", "shares", "not told"],
)
def test_others_are_not_starved(cpu_s: float, waited_s: float) -> None:
    usage = used(cpu_s, waited_s)
    assert not is_known(usage.starved_at_s)
    assert is_known(usage.idle_since_s) == (cpu_s < 0.02)


@pytest.mark.parametrize(
    ("own_s", "is_idle"), [(0.0, True), (0.02, True), (0.5, False), (-1.0, False)]
)
def test_a_check_that_runs_inside_is_no_work_of_the_process(own_s: float, is_idle: bool) -> None:
    before = Instance("a", "a-0", "a!1", InstanceState.RUNNING, cpu_seconds=0.0, io_bytes=0.0)
    before = replace(before, own_cpu_seconds=1.0)
    now = replace(before, cpu_seconds=0.6, own_cpu_seconds=1.0 + own_s)
    assert is_known(fold_usage(Usage(), before, 0.0, now, 5.0).idle_since_s) is is_idle


@pytest.mark.parametrize(
    ("letters", "cpu_s", "is_starved"),
    [("RR", 0.0, True), ("SR", 0.0, False), ("RS", 0.0, False), ("RR", 4.9, False)],
    ids=["never served", "just woken", "asleep again", "runs"],
)
def test_a_wait_that_outlasts_two_sights_is_not_booked_yet(
    letters: str, cpu_s: float, is_starved: bool
) -> None:
    before, now = (
        Instance(
            "a",
            "a-0",
            "a!1",
            InstanceState.RUNNING,
            process_state=letter,
            cpu_seconds=spent_s,
            io_bytes=0.0,
            waited_s=7.0,
        )
        for letter, spent_s in zip(letters, (1.0, 1.0 + cpu_s), strict=True)
    )
    usage = fold_usage(Usage(), before, 0.0, now, 5.0)
    assert is_known(usage.starved_at_s) is is_starved
    assert is_known(usage.idle_since_s) is (not is_starved and not cpu_s)


def test_silence_of_a_starved_process_proves_nothing_until_it_has_been_served_for_long() -> None:
    silent = failing("a", heard=SILENT, for_s=70)
    starved = finding(replace(silent, starved_at_s=NOW_S - 1))
    assert (starved.cause, starved.is_confirmed) == (Cause.HANG, False)
    assert starved.reason.endswith("it waits for a processor, so that a late answer proves nothing")
    assert not finding(replace(silent, starved_at_s=NOW_S - 59)).is_confirmed
    assert finding(replace(silent, starved_at_s=NOW_S - 61)).is_confirmed
    assert finding(silent).is_confirmed


def test_an_idle_one_was_starved_until_it_is_silent_for_the_time_of_a_hang() -> None:
    silent = failing("a", heard=SILENT, for_s=70, idle=True)
    assert not finding(replace(silent, starved_at_s=NOW_S - 7)).is_confirmed
    assert finding(replace(silent, starved_at_s=NOW_S - 9)).is_confirmed


def test_failures_from_before_a_doubt_are_not_counted_by_whoever_counts() -> None:
    """The engine goes on counting what it saw while nothing could be believed."""

    def failed(at_s: float, in_a_row: int) -> ProbeResult:
        return ProbeResult(
            ProbeVerdict.FAIL, at_s, heard=Heard.CHECK, in_a_row=in_a_row, since_s=1.0
        )

    long = fold_probe(None, failed(30.0, 9))
    assert (long.failures_in_a_row, long.since_s) == (9, 1.0)
    once = fold_probe(doubted(long), failed(32.0, 10))
    twice = fold_probe(once, failed(34.0, 11))
    assert (once.failures_in_a_row, once.since_s) == (1, 32.0)
    assert (twice.failures_in_a_row, twice.since_s) == (2, 32.0)
    well = fold_probe(twice, ProbeResult(ProbeVerdict.PASS, 36.0, in_a_row=1))
    again = fold_probe(well, failed(38.0, 2))
    assert again.failures_in_a_row == 2


def test_a_pause_before_it_says_no_is_no_part_of_saying_no() -> None:
    def failed(at_s: float, heard: Heard) -> ProbeResult:
        return ProbeResult(ProbeVerdict.FAIL, at_s, heard=heard)

    kept = None
    for at_s in (-8.0, -5.0):
        kept = fold_probe(kept, failed(NOW_S + at_s, Heard.SILENCE))
    for at_s in (-4.0, -2.0, 0.0):
        kept = fold_probe(kept, failed(NOW_S + at_s, Heard.ANSWER))
    assert kept is not None
    assert kept.since_s == NOW_S - 8.0
    assert kept.told_since_s == NOW_S - 4.0
    sick = replace(failing("a", for_s=8), probe=replace(kept, has_ever_passed=True))
    assert not finding(sick).is_confirmed
    long = replace(kept, told_since_s=NOW_S - 8.0)
    assert finding(replace(sick, probe=replace(long, has_ever_passed=True))).is_confirmed


def test_a_stopped_one_is_proven_however_starved_it_was() -> None:
    stopped = failing("a", heard=SILENT, for_s=10, letter="T")
    assert finding(replace(stopped, starved_at_s=NOW_S - 5)).is_confirmed


def test_a_stopped_process_was_stopped_until_it_was_last_seen_so() -> None:
    stopped = failing("a", heard=SILENT, for_s=10, letter="T")
    assert finding(stopped).is_confirmed
    assert not finding(replace(stopped, read_at_s=NOW_S - 4)).is_confirmed


@pytest.mark.parametrize("heard", [Heard.SILENCE, Heard.CHECK, Heard.REFUSAL])
def test_a_failing_probe_has_failed_until_it_was_last_asked(heard: Heard) -> None:
    sick = failing("a", heard=heard, for_s=10, idle=True)
    assert sick.probe is not None
    assert finding(sick).is_confirmed
    stale = replace(sick, probe=replace(sick.probe, at_s=NOW_S - 4))
    assert not finding(stale).is_confirmed
