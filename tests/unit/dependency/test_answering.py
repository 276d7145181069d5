"""What probes say of a target as a whole, as somebody who calls it would find it."""

from __future__ import annotations

import math
from dataclasses import replace

from everup.dependency_monitor.answering import answering
from everup.dependency_monitor.breaker import Answering
from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import InstanceObservation, ServiceObservation
from tests.unit.builders import NOW_S, SETTINGS, failing, service, up

DB = service("db")


def seen(*instances: InstanceObservation) -> ServiceObservation:
    return ServiceObservation("db", instances)


def said(
    *instances: InstanceObservation, down_s: float = math.nan, coming: bool = False
) -> Answering:
    return answering(DB, seen(*instances), NOW_S, down_s, SETTINGS, is_coming=coming)


def ended() -> InstanceObservation:
    one = up("db")
    return replace(one, instance=replace(one.instance, state=InstanceState.EXITED))


def test_the_best_of_several_counts() -> None:
    assert said(failing("db"), up("db", 1)).verdict is ProbeVerdict.PASS
    all_fail = said(failing("db", times=7), failing("db", times=5))
    assert (all_fail.verdict, all_fail.in_a_row) == (ProbeVerdict.FAIL, 5)


def test_nobody_runs_and_each_second_of_that_counts() -> None:
    dead = said(ended(), down_s=NOW_S - 6.0)
    assert (dead.verdict, dead.in_a_row) == (ProbeVerdict.FAIL, 6)
    assert said(down_s=NOW_S - 2.0).in_a_row == 2
    assert said(ended()).in_a_row == 0


def test_what_is_coming_or_was_not_asked_says_nothing() -> None:
    assert said(failing("db"), coming=True) == Answering()
    assert said(replace(up("db"), probe=None)) == Answering()
    assert answering(DB, None, NOW_S, math.nan, SETTINGS) == Answering()
    unread = ServiceObservation("db", (up("db"),), is_known=False)
    assert answering(DB, unread, NOW_S, math.nan, SETTINGS) == Answering()


def test_a_one_shot_is_no_target() -> None:
    once = replace(DB, is_one_shot=True)
    assert answering(once, seen(ended()), NOW_S, NOW_S - 60, SETTINGS) == Answering()


def test_who_cannot_be_asked_has_to_run_for_a_window() -> None:
    plain = replace(DB, probe=None)
    assert answering(plain, seen(up("db")), NOW_S, math.nan, SETTINGS).verdict is ProbeVerdict.PASS
    young = up("db")
    young = replace(young, instance=replace(young.instance, started_at_s=NOW_S - 1.0))
    assert answering(plain, seen(young), NOW_S, math.nan, SETTINGS) == Answering()
