"""What is said has stood for a while: no odd sample makes a prediction."""

from __future__ import annotations

from everup.loop.foresight import Foresight
from everup.model.assessment import Prediction, Predictions
from everup.model.kinds import Cause
from tests.unit.builders import NOW_S, SETTINGS


def said(foresight: Foresight, at_s: float, probability: float | None) -> list[float]:
    """What is left of one line, seen at this moment with this probability."""
    foresight._made_at_s = at_s
    items: tuple[Prediction, ...] = ()
    if probability is not None:
        items = (
            Prediction("a", Cause.LEAK, probability, at_s, at_s + 300.0, (), "trend-prior-5", at_s),
        )
    return [item.probability for item in foresight._confirmed(Predictions(items), SETTINGS).items]


def test_it_is_the_least_of_the_last_seconds() -> None:
    foresight = Foresight()
    told = [said(foresight, NOW_S + 5.0 * n, p) for n, p in enumerate((0.9, 0.9, 0.8, 0.9, 0.9))]
    assert told == [[], [], [], [0.8], [0.8]]


def test_where_samples_are_far_apart_two_of_them_do() -> None:
    foresight = Foresight()
    told = [said(foresight, NOW_S + 60.0 * n, p) for n, p in enumerate((0.9, 0.8, 0.95))]
    assert told == [[], [0.8], [0.8]]


def test_a_line_that_broke_off_begins_anew() -> None:
    foresight = Foresight()
    for n, p in enumerate((0.9, 0.9, 0.9, 0.9, None)):
        said(foresight, NOW_S + 5.0 * n, p)
    assert said(foresight, NOW_S + 25.0, 0.9) == []


def test_a_date_needs_no_confirmation() -> None:
    foresight = Foresight()
    foresight._made_at_s = NOW_S
    date = Prediction(
        "a", Cause.CERTIFICATE_EXPIRES, 0.95, NOW_S, NOW_S, (), "trend-prior-5", NOW_S
    )
    assert foresight._confirmed(Predictions((date,)), SETTINGS).items == (date,)
