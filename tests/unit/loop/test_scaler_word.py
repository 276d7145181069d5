"""What stands beside the proof of more instances: answers that are no faster, and a next order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.scaler import DEMAND_BEFORE, LATENCY_BEFORE, Scaler
from everup.model.decision import Expectation, Step
from everup.model.evidence import Passed, Pending
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.load import Load
from everup.model.settings import Settings
from everup.model.state import InFlight
from tests.unit.builders import NOW_S, failing, seen, service, stack, up

NOTHING: Mapping[str, Any] = {}
SLOW = {LATENCY_BEFORE: 0.4, DEMAND_BEFORE: 50.0}
STILL_SLOW = Load(NOW_S, requests_per_s=50.0, latency_s=0.4)


def word(
    load: Load = STILL_SLOW,
    *,
    wanted: int = 3,
    is_well: bool = True,
    origin: Origin = Origin.SCALING,
    before: Mapping[str, Any] = NOTHING,
) -> Any:
    """Five seconds after three instances were there."""
    flight = InFlight(
        *("act-1", None, "key", origin, Cause.DEMAND),
        Step(ActionKind.SCALE_OUT, "a", before),
        NOW_S - 9.0,
        cast(Any, None),
        Expectation("a", probes=3, window_s=10.0, deadline_s=60.0, instances=3),
        done_at_s=NOW_S - 5.0,
    )
    newcomer = up("a", 2) if is_well else failing("a", number=2)
    observation = seen(up("a"), up("a", 1), newcomer)
    services = {"a": replace(observation.services["a"], load=load)}
    look: Any = SimpleNamespace(at_s=NOW_S, observation=replace(observation, services=services))
    scaler = Scaler(stack(service("a")), Settings())
    scaler.opinions = {"a": cast(Any, SimpleNamespace(choice=SimpleNamespace(instances=wanted)))}
    return scaler.word(look, flight)


def test_where_even_more_are_wanted_the_proof_is_that_of_the_next_ones() -> None:
    found = word(wanted=5)
    assert isinstance(found, Passed)
    assert "3 instances, all of them answer" in found.reason


@pytest.mark.parametrize("given", [{"wanted": 3}, {"is_well": False}, {"origin": Origin.PERSON}])
def test_else_it_has_its_whole_proof(given: dict[str, Any]) -> None:
    assert word(**{"wanted": 5, **given}) is None


def test_answers_have_their_time_to_become_faster_unless_more_is_asked() -> None:
    """Ever more for what they cannot mend would follow one another unproven."""
    assert isinstance(word(wanted=5, before=SLOW), Pending)
    more = replace(STILL_SLOW, requests_per_s=60.0)
    assert word(more, before=SLOW) is None
    assert isinstance(word(more, wanted=5, before=SLOW), Passed)
