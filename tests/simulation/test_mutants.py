"""Does the simulation notice when a check of the gate is missing? One is taken out at a time.

The invariants know nothing of the gate: they judge what truly happened in the world. So a gate
without one of its checks must break a promise within a few seeds, and the right promise.
"""

from __future__ import annotations

from importlib import import_module

import pytest

from everup.model.decision import Check
from everup.simulation.runner import play

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

CAUGHT: dict[Check, tuple[str, str, tuple[int, ...]]] = {
    Check.COOLDOWN: ("3 cooldown", "cascade", (3, 4, 5)),
    Check.DEPENDENCY_ORDER: ("4 victim", "cascade", (3, 4, 5)),
    Check.MONITOR_SANE: ("6", "blind", (37, 6, 7)),
}
"""Check → the promise that it keeps, a class, and seeds of which at least one must notice."""


@pytest.mark.parametrize("check", CAUGHT)
def test_a_missing_check_is_noticed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    promise, mix, seeds = CAUGHT[check]
    gate = import_module("everup.safety.judge")
    left = tuple(pair for pair in gate.CHECKS if pair[0] is not check)
    monkeypatch.setattr(gate, "CHECKS", left)
    broken: set[str] = set()
    for seed in seeds:
        broken |= {v.promise for v in play(mix, seed).violations}
        if promise in broken:
            return
    raise AssertionError(f"without {check} only {sorted(broken)} were broken")


def test_files_that_are_put_back_unasked_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    propose = import_module("everup.rollback_manager.propose")
    monkeypatch.setattr(propose, "_why_ask", lambda *_: "")
    assert "safety 21" in {v.promise for v in play("files", 4).violations}
