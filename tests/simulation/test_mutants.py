"""Does the simulation notice when a check of the gate is missing? One is taken out at a time.

The invariants know nothing of the gate: they judge what truly happened in the world. So a gate
without one of its checks must break a promise within a few seeds, and the right promise.
"""

from __future__ import annotations

from importlib import import_module

import pytest

from everup.model.decision import Check
from everup.simulation.mixes import mix_of
from everup.simulation.runner import play

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

CAUGHT: dict[Check, tuple[str, tuple[int, ...]]] = {
    Check.COOLDOWN: ("3 cooldown", (3, 17, 31, 45)),
    Check.DEPENDENCY_ORDER: ("4 victim", (3, 7, 17)),
    Check.MONITOR_SANE: ("6", (37, 53, 69)),
}
"""Check → the promise that it keeps, and seeds of which at least one must notice."""


@pytest.mark.parametrize("check", CAUGHT)
def test_a_missing_check_is_noticed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    promise, seeds = CAUGHT[check]
    gate = import_module("everup.safety.judge")
    left = tuple(pair for pair in gate.CHECKS if pair[0] is not check)
    monkeypatch.setattr(gate, "CHECKS", left)
    broken: set[str] = set()
    for seed in seeds:
        broken |= {v.promise for v in play(mix_of(seed), seed).violations}
        if promise in broken:
            return
    raise AssertionError(f"without {check} only {sorted(broken)} were broken")
