"""Two configurations over one recording, side by side. Pure.

Flows in: two Outcomes. Flows out: a Comparison: what only the one foretold or would have done, and
the figures of both. Predictions of one service within a horizon of each other are the same one, and
so are deeds of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from everup.model.kinds import is_known
from everup.model.prediction import MadePrediction
from everup.replay.outcome import Deed, Outcome

T = TypeVar("T")
SAME_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of both; NaN where there is none."""

    name: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`first` and `second` are whole outcomes; the rest is what differs."""

    first: Outcome
    second: Outcome
    figures: tuple[Figure, ...]
    predicted_by_first: tuple[MadePrediction, ...]
    predicted_by_second: tuple[MadePrediction, ...]
    done_by_first: tuple[Deed, ...]
    done_by_second: tuple[Deed, ...]

    @property
    def is_same(self) -> bool:
        """Do both foretell and do the same?"""
        return not (
            self.predicted_by_first
            or self.predicted_by_second
            or self.done_by_first
            or self.done_by_second
        )


def compare(first: Outcome, second: Outcome) -> Comparison:
    """Of the same recording."""
    predicted = _apart(first.predictions, second.predictions, _same_prediction)
    done = _apart(first.deeds, second.deeds, _same_deed)
    figures = tuple(
        Figure(name, a, b)
        for (name, a), (_, b) in zip(_figures(first), _figures(second), strict=True)
        if is_known(a) or is_known(b)
    )
    return Comparison(first, second, figures, *predicted, *done)


def _figures(outcome: Outcome) -> list[tuple[str, float]]:
    found = outcome.accuracy.overall
    return [
        ("predictions", float(len(outcome.predictions))),
        ("hits", float(found.hits)),
        ("late", float(found.late)),
        ("false alarms", float(found.false_alarms)),
        ("precision", found.precision),
        ("failures", float(found.failures)),
        ("foreseen", float(found.foreseen)),
        ("recall", found.recall),
        ("lead, median (s)", found.lead_p50_s),
        ("Brier score", found.brier),
        ("incidents", float(len(outcome.incidents))),
        ("actions", float(len(outcome.deeds))),
    ]


def _apart(
    first: Sequence[T], second: Sequence[T], is_same: Callable[[T, T], bool]
) -> tuple[tuple[T, ...], tuple[T, ...]]:
    left = list(second)
    only = []
    for one in first:
        near = next((other for other in left if is_same(one, other)), None)
        if near is None:
            only.append(one)
        else:
            left.remove(near)
    return tuple(only), tuple(left)


def _same_prediction(one: MadePrediction, other: MadePrediction) -> bool:
    return (one.service, one.cause) == (other.service, other.cause) and (
        abs(one.made_at_s - other.made_at_s) <= SAME_WITHIN_S
    )


def _same_deed(one: Deed, other: Deed) -> bool:
    is_near = abs(one.at_s - other.at_s) <= SAME_WITHIN_S
    return is_near and (one.service, one.kind, one.answer) == (
        other.service,
        other.kind,
        other.answer,
    )
