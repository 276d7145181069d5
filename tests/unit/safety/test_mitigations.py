"""The gate and mitigations: what a prediction permits of them, and what a person is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.wrong import Wrongs
from everup.model import entries as e
from everup.model.decision import Allowed, Check, Expectation, Proposal, Refused, Step
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.observation import HostObservation
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import PastAction, ServiceState, StackState
from everup.safety import Context, expected_of, judge
from tests.unit.builders import NOW_S, context, seen, service, stack, up

GIB = float(1 << 30)
GROWN = Step(ActionKind.SCALE_OUT, "db", {INSTANCES: 2, BEFORE: 1})
DEGRADE = Step(ActionKind.DEGRADE, "api", {"needs": "db", "because": "db"})


def proposal(step: Step, cause: Cause = Cause.SLOW, **changes: object) -> Proposal:
    made = Proposal(
        *("k", Origin.MITIGATION, step.target, cause, (step,), "why"),
        Expectation(step.target, 60.0, no_worse=True),
        on_running=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def around(state: StackState | None = None, **changes: object) -> Context:
    db = replace(service("db", max_instances=3, has_bounds=True), **changes)  # type: ignore[arg-type]
    host = HostObservation(64 * GIB, 48 * GIB, 0.1, processors=8)
    return context(
        stack(db, service("api", "db")), replace(seen(up("db"), up("api")), host=host), state
    )


def test_a_strain_may_bring_an_instance_more_once_a_day() -> None:
    assert isinstance(judge(proposal(GROWN), around()), Allowed)
    past = PastAction(
        *("act-1", "db", GROWN.kind, Origin.MITIGATION, Cause.SLOW, NOW_S - 3600, NOW_S - 3500),
        has_passed=True,
        on_running=True,
    )
    state = StackState({"db": ServiceState(past=(past,))})
    verdict = judge(proposal(GROWN), around(state))
    assert isinstance(verdict, Refused)
    assert "within a day" in verdict.reason


@pytest.mark.parametrize(
    ("step", "changes"), [(GROWN, {"is_stateful": True}), (DEGRADE, {"is_stateful": False})]
)
def test_a_strain_permits_no_more_than_that(step: Step, changes: dict[str, object]) -> None:
    verdict = judge(proposal(step), around(None, **changes))
    assert isinstance(verdict, Refused)
    assert (verdict.check, "no prediction permits" in verdict.reason) == (Check.STATEFUL_CARE, True)


def test_observe_binds_it_and_a_fault_allows_it() -> None:
    sick = proposal(DEGRADE, Cause.UNHEALTHY)
    assert isinstance(judge(sick, around()), Allowed)
    watched = context(
        stack(service("db"), service("api", "db"), mode=Mode.OBSERVE), seen(up("db"), up("api"))
    )
    assert getattr(judge(sick, watched), "check", None) is Check.MODE


def test_what_is_expected_is_that_nobody_is_worse() -> None:
    assert expected_of(proposal(DEGRADE)).startswith("nobody else is worse for it")


def test_a_service_that_is_not_called_was_not_acted_upon() -> None:
    wrongs = Wrongs()
    for step in (DEGRADE, Step(ActionKind.ISOLATE, "api")):
        before = Sighting(NOW_S, 1.0, "healthy")
        wrongs.tell(
            e.Intended(
                *(NOW_S, f"act-{step.kind}", "inc-1", "k", Origin.MITIGATION, Cause.UNHEALTHY),
                *(step, "why", before, Expectation("api", 60.0)),
            )
        )
        wrongs.tell(e.Finished(NOW_S, f"act-{step.kind}", "api", "failed"))  # type: ignore[arg-type]
    assert wrongs.counts == {"api": 1}, "to cut off what is well is wrong"
