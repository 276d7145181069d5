"""A leak in the virtual world, through the real loop: answered before the kernel answers it."""

from __future__ import annotations

from importlib import import_module

import pytest

from everup.automated_recovery import foretold as ladder
from everup.model import entries as e
from everup.model.decision import Check
from everup.model.kinds import ActionKind, Cause, Mode
from everup.model.prediction import PredictionEnding
from everup.model.stack import Limits, ProbeSpec, ServiceSpec, Stack
from everup.model.window import Window
from everup.runtimes.simulated.nature import Nature
from everup.simulation import runner
from everup.simulation.invariants import Violation
from everup.simulation.plans import Kind, Plan, Trouble
from everup.simulation.stacks import Drawn

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

MIB = 1024.0 * 1024.0


def a_day_with_a_leak(
    monkeypatch: pytest.MonkeyPatch, *, quiet: tuple[Window, ...] = (), **changes: int | bool
) -> tuple[list[e.Entry], tuple[Violation, ...]]:
    """What the journal holds after two hours in which `web` leaks from 300 s on."""
    spec = ServiceSpec(
        "web",
        probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
        port=2000,
        limits=Limits(memory_bytes=512 * MIB),
        **changes,  # type: ignore[arg-type]
    )
    made = Stack("simulated", {"web": spec}, mode=Mode.AUTO, runtime="simulated", quiet_hours=quiet)
    leak = Trouble(300.0, Kind.LEAK, "web", 60.0, strength=0.1, choice=1)
    monkeypatch.setattr(runner, "draw_stack", lambda *_: Drawn(made, {"web": Nature()}))
    monkeypatch.setattr(runner, "draw_plan", lambda *_, **__: Plan((leak,), (), (), 4800.0))
    run = runner._Run("strains", 1, 2.0, is_traced=False)
    result = run.play()
    return [entry for _, _, entry in run.chronicle.entries], result.violations


def deaths(entries: list[e.Entry]) -> list[e.ExitSeen]:
    return [x for x in entries if isinstance(x, e.ExitSeen) and x.exit.is_out_of_memory]


def did(entries: list[e.Entry]) -> list[tuple[ActionKind, Cause]]:
    return [(x.step.kind, x.cause) for x in entries if isinstance(x, e.Intended)]


def test_one_of_two_is_restarted_before_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    entries, violations = a_day_with_a_leak(monkeypatch, instances=2, max_instances=2)
    assert violations == ()
    assert deaths(entries) == []
    assert did(entries) == [(ActionKind.GRACEFUL_RESTART, Cause.LEAK)]
    settled = [x for x in entries if isinstance(x, e.PredictionSettled)]
    assert [x.ending for x in settled] == [PredictionEnding.AVERTED]
    verified = [x for x in entries if isinstance(x, e.Verified)]
    assert [x.has_passed for x in verified] == [True]
    assert "memory" in verified[0].reason


def test_the_only_one_is_left_to_a_person_and_healed_when_it_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries, violations = a_day_with_a_leak(monkeypatch)
    assert violations == ()
    escalated = [x for x in entries if isinstance(x, e.IncidentEscalated)]
    assert len(escalated) == 1
    assert "one instance and no quiet hour" in escalated[0].case
    (death,) = deaths(entries)
    assert escalated[0].at_s < death.at_s - 30.0, "in good time"
    assert did(entries) == [(ActionKind.CONTAINER_RESTART, Cause.CRASH)]
    settled = [x for x in entries if isinstance(x, e.PredictionSettled)]
    assert [x.ending for x in settled] == [PredictionEnding.HIT]


def test_a_quiet_hour_permits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    always = (Window(0, 24 * 60),)
    entries, violations = a_day_with_a_leak(monkeypatch, quiet=always)
    assert deaths(entries) == []
    assert did(entries) == [(ActionKind.GRACEFUL_RESTART, Cause.LEAK)]
    assert violations == ()


def test_the_court_notices_a_restart_that_no_prediction_permits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ladder and the gate both permit everything; the court still knows the rule."""
    monkeypatch.setattr(ladder, "_no_restart", lambda *_, **__: "")
    gate = import_module("everup.safety.judge")
    left = tuple(pair for pair in gate.CHECKS if pair[0] is not Check.STATEFUL_CARE)
    monkeypatch.setattr(gate, "CHECKS", left)
    _, violations = a_day_with_a_leak(monkeypatch, instances=2, max_instances=2, is_stateful=True)
    assert "4 prediction" in {v.promise for v in violations}
