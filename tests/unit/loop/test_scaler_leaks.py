"""Of whom a leak is known, so that its limit stays as its owner declared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.scaler_may import leakers
from everup.model.incident import Incident
from everup.model.kinds import Cause
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.model.settings import Settings
from everup.model.state import StackState
from tests.unit.builders import NOW_S

DAY_S = 86_400.0


def foretold(cause: Cause, ending: PredictionEnding, ago_s: float) -> MadePrediction:
    at_s = NOW_S - ago_s
    return MadePrediction(
        "pre-1", "a", cause, 0.8, at_s, at_s, at_s, at_s, (), "1", ending=ending, settled_at_s=at_s
    )


def known(**state: Any) -> set[str]:
    control = SimpleNamespace(state=StackState(**state), settings=Settings())
    return leakers(cast(Any, control), NOW_S)


@pytest.mark.parametrize("cause", [Cause.LEAK, Cause.CRASH])
def test_while_it_is_told(cause: Cause) -> None:
    incident = Incident("inc-1", "a", cause, "it climbs", NOW_S - 9.0)
    made = foretold(cause, PredictionEnding.OPEN, 9.0)
    told = {"a"} if cause is Cause.LEAK else set()
    assert known(incidents={"inc-1": incident}) == known(predictions={"a": made}) == told


@pytest.mark.parametrize(
    ("ending", "ago_s", "is_one"),
    [
        (PredictionEnding.HIT, DAY_S - 1.0, True),
        (PredictionEnding.HIT, DAY_S + 1.0, False),
        (PredictionEnding.FALSE_ALARM, 1.0, False),
        (PredictionEnding.AVERTED, 1.0, False),
    ],
)
def test_what_came_true_is_known_for_a_day(
    ending: PredictionEnding, ago_s: float, *, is_one: bool
) -> None:
    assert known(past_predictions=(foretold(Cause.LEAK, ending, ago_s),)) == (
        {"a"} if is_one else set()
    )
