"""What once broke a promise is played again; see regressions.toml."""

from __future__ import annotations

import pytest

from everup.simulation.runner import play
from tests.counts import count
from tests.simulation.regressions import Case, cases

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]
CASES = [case for case in cases() if case.hours <= count("regression_hours_most")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_once_broke_a_promise_breaks_none_any_more(case: Case) -> None:
    result = play(case.mix, case.seed, hours=case.hours)
    assert not result.violations, f"once it found: {case.found}\n{result.report()}"
