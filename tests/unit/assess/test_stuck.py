"""How long a process has been unable to go on: by each sight of it, not by a check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.readings import Usage, first_usage, fold_usage
from everup.model.kinds import UNKNOWN, Cause, InstanceState, is_known
from everup.model.observation import Heard, Instance
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack

SIGHTS_S = (0.0, 5.0, 10.0, 11.0)


def usage_of(letters: str, cpu_seconds: tuple[float, ...] = (1.0,) * 4) -> Usage:
    """After as many sights as there are letters."""
    sights = [
        Instance("a", "a-0", "a!1", InstanceState.RUNNING, cpu_seconds=cpu, io_bytes=0.0,
                 process_state=letter)
        for letter, cpu in zip(letters, cpu_seconds, strict=False)
    ]  # fmt: skip
    usage = first_usage(sights[0], SIGHTS_S[0])
    for n in range(1, len(sights)):
        usage = fold_usage(usage, sights[n - 1], SIGHTS_S[n - 1], sights[n], SIGHTS_S[n])
    return usage


@pytest.mark.parametrize(
    ("letters", "since_s"),
    [("STTT", 5.0), ("TTTT", 0.0), ("TTST", 11.0), ("TTTS", UNKNOWN), ("SSSZ", 11.0)],
)
def test_it_counts_from_the_first_sight_of_an_unbroken_row(letters: str, since_s: float) -> None:
    stuck_s = usage_of(letters).stuck_since_s
    assert stuck_s == since_s or not (is_known(stuck_s) or is_known(since_s))


def test_what_the_checks_in_its_container_use_breaks_no_row() -> None:
    assert usage_of("TTTT", (1.0, 1.5, 2.0, 2.5)).stuck_since_s == 0.0


@pytest.mark.parametrize(("stuck_for_s", "is_hung"), [(7.5, False), (8.0, True)])
def test_the_kernels_word_is_what_must_last(stuck_for_s: float, is_hung: bool) -> None:
    """Also where a check failed long before a short stop, or only just now because of it."""
    for failing_for_s in (1.0, 30.0):
        one = failing("a", times=1, for_s=failing_for_s, letter="T", heard=Heard.SILENCE)
        one = replace(one, stuck_since_s=NOW_S - stuck_for_s)
        assessment = assess(stack(service("a")), seen(one))
        found = assessment.relations.findings["a"]
        assert (found.cause, found.is_confirmed) == (Cause.HANG, is_hung)
        assert assessment.own.score("a") < SETTINGS.graceful_restart_below
