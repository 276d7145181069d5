"""Does a challenger take over from whoever serves? Pure.

Flows in: what both scored on the same time, which neither was trained on. Flows out: yes or no, and
why, for a person to read. Called by `loop.models`.

What counts first decides; what both do not know is passed over. A tie keeps who serves: a change
without a gain is a risk without one. The first model has nobody to beat but what is there without
any, which is the floor of each score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, is_known
from everup.model.learned import Craft

SEPARATION = "separation"
"""How often a row shortly before a failure scores above a calm one (0–1; 0.5 is chance)."""
CALM = "calm"
"""How near the share of calm rows it would alarm on is to what it promises (1: just so)."""
SKILL = "skill"
"""1 − its Brier score over that of the base rate; at 0 it knows nothing."""
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Term:
    """A score, what it must exceed where nobody serves yet, and how it is named to people."""

    name: str
    floor: float
    words: str


TERMS: Mapping[Craft, tuple[Term, ...]] = {
    Craft.ANOMALY: (
        Term(SEPARATION, 0.5, "it tells the time before failures from calm time"),
        Term(CALM, 0.0, "it is as calm on calm time as it promises"),
    ),
    Craft.FAILURE: (Term(SKILL, 0.0, "its probabilities are nearer to what came than the rate"),),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer, as a sentence too."""

    takes_over: bool
    reason: str


def judge(
    craft: Craft, scores: Mapping[str, float], champion: Mapping[str, float] | None
) -> Judgement:
    """`champion` None: nobody serves. One of whom nothing is known has to be beaten no more than
    nobody, and no less: the floor holds."""
    known = [term for term in TERMS[craft] if is_known(scores.get(term.name, UNKNOWN))]
    if not known:
        return Judgement(False, "nothing could be said of it on time that it had not seen")
    is_unheld = champion is None or not any(is_known(value) for value in champion.values())
    for term in known:
        mine = scores[term.name]
        theirs = UNKNOWN if champion is None else champion.get(term.name, UNKNOWN)
        if is_unheld and not mine > term.floor:
            text = f"{term.name} {mine:.3f}, and without a model it is {term.floor:g}: {term.words}"
            return Judgement(False, text)
        if not is_known(theirs):
            continue
        if abs(mine - theirs) >= MARGIN:
            than = "more" if mine > theirs else "less"
            text = f"{term.name} {mine:.3f}, {than} than {theirs:.3f} of who served: {term.words}"
            return Judgement(mine > theirs, text)
    if champion is None:
        term = known[0]
        return Judgement(True, f"{term.name} {scores[term.name]:.3f}, and nobody served")
    if is_unheld:
        return Judgement(True, "who served can no longer be asked")
    return Judgement(False, f"no score differs by {MARGIN:g}; who serves stays")
