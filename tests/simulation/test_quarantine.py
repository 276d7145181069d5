"""The promises hold where sick instances are kept aside, through crashes of Everup too."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from everup.model.stack import ServiceSpec
from everup.simulation import runner
from everup.simulation.stacks import Drawn, StackMix, draw_stack

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

KEPT_S = 600.0


def _keeps(spec: ServiceSpec) -> ServiceSpec:
    return spec if spec.is_stateful or spec.is_one_shot else replace(spec, quarantine_s=KEPT_S)


def _drawn(random: Random, mix: StackMix) -> Drawn:
    drawn = draw_stack(random, mix)
    services = {name: _keeps(spec) for name, spec in drawn.stack.services.items()}
    return replace(drawn, stack=replace(drawn.stack, services=services))


@pytest.mark.parametrize(("mix", "seed"), [("mixed", 2), ("mixed", 5)])
def test_promises_hold_with_quarantine(
    mix: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "draw_stack", _drawn)
    result = runner.play(mix, seed, is_traced=True)
    assert result.violations == (), result.report()
    assert any("calls quarantine" in line for line in result.story)
    assert any("kept aside, is ended" in line for line in result.story)
