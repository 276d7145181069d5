"""Where the fault lies, by each node's *own share* of what everybody suffers. Pure.

Flows in: who calls whom, calls in normal times and in the window, onsets and changes where known.
Flows out: `RankedCause`s, likeliest first. Called by `benchmarks.root_cause` and by whoever has
such series; for Everup's own findings see `rank` and `roots`.

A node's own share is its excess less what its callees explain. A callee explains at most its own
excess, as far as that is believed; a node that is always called and now is silent may explain all
that its callers suffer, believed by half. What is left is shrunk once more by the node's noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from everup.dependency_monitor.aliases import aliases
from everup.dependency_monitor.excess import Excess, believe, excess_of
from everup.dependency_monitor.tuning import SHIPPED, Tuning
from everup.model.kinds import UNKNOWN, is_known
from everup.model.signals import CallSeries, Floats, Symptom

UNITS = {Symptom.LATENCY: "s", Symptom.FAILURES: "failures"}
Callees = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class RankedCause:
    """One suspect. `score`, `own`, `excess`, `noise` are seconds or failures per interval, `share`
    is its part of all scores (0–1). `views`: other nodes through which the same thing is seen."""

    node: str
    share: float
    score: float
    own: float
    excess: float
    noise: float
    reason: str
    views: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known besides, in seconds of one clock. `changes`: node → when somebody last changed
    it. `onsets`: node → when it fell ill. Onsets within `resolution_s` are simultaneous."""

    changes: Mapping[str, float] = field(default_factory=dict)
    onsets: Mapping[str, float] = field(default_factory=dict)
    change_reach_s: float = 3600.0
    resolution_s: float = 30.0


NO_HINTS = Hints()


def rank_roots(
    calls: Mapping[str, Sequence[str]],
    normal: CallSeries,
    window: CallSeries,
    symptom: Symptom,
    recent: CallSeries | None = None,
    hints: Hints = NO_HINTS,
    tuning: Tuning = SHIPPED,
) -> tuple[RankedCause, ...]:
    """Every node that is not another's view, likeliest cause first.

    `calls`: caller → callees; nodes without series are passed over. `recent`: the intervals right
    before the window. Raises ValueError where the series do not list the same nodes.
    """
    if normal.nodes != window.nodes or (recent is not None and recent.nodes != window.nodes):
        raise ValueError("normal, recent and window must list the same nodes in the same order")
    found = excess_of(normal, window, symptom, recent, tuning)
    callees = _columns(calls, window.nodes)
    capacity, belief = _with_silent(found, callees, tuning)
    own = own_shares(capacity, belief, callees)
    believed = np.where(found.is_silent, belief, believe(own, found.noise, tuning.stands_out))
    score = own * believed * _weights(window.nodes, callees, hints, tuning)
    shown_by = _merged(score, capacity, aliases(calls, normal, tuning), window.nodes)
    return _ranked(found, own, score, shown_by, callees, symptom, hints)


def own_shares(total: Floats, belief: Floats, callees: Callees) -> Floats:
    """Each node's total less what its callees explain, never negative. In a circle everybody may
    explain everybody, which leaves to each what it has more than the others."""
    own = np.array(total, dtype=np.float64)
    for node, mine in enumerate(callees):
        if mine and total[node] > 0.0:
            below = list(mine)
            explained = np.minimum(total[below] * belief[below], total[node]).sum()
            own[node] = max(0.0, total[node] - explained)
    return own


def _columns(calls: Mapping[str, Sequence[str]], nodes: Sequence[str]) -> Callees:
    column = {name: index for index, name in enumerate(nodes)}
    return [
        [column[c] for c in dict.fromkeys(calls.get(name, ())) if c in column and c != name]
        for name in nodes
    ]


def _with_silent(found: Excess, callees: Callees, tuning: Tuning) -> tuple[Floats, Floats]:
    """A silent node's excess is what its callers suffer."""
    total, belief = found.total.copy(), found.belief.copy()
    for caller, mine in enumerate(callees):
        for node in mine:
            if found.is_silent[node] and found.total[caller] > 0.0:
                total[node] += found.total[caller] * found.belief[caller]
                belief[node] = tuning.silence_believed
    return total, belief


def _weights(nodes: Sequence[str], callees: Callees, hints: Hints, tuning: Tuning) -> Floats:
    weights = np.ones(len(nodes))
    first_s = min((s for s in hints.onsets.values() if is_known(s)), default=UNKNOWN)
    for index, name in enumerate(nodes):
        before_s = hints.onsets.get(name, first_s) - hints.changes.get(name, UNKNOWN)
        if is_known(before_s) and -hints.resolution_s <= before_s <= hints.change_reach_s:
            weights[index] *= tuning.changed_weighs
    late: set[int] = set()
    for caller, mine in enumerate(callees):
        since_s = hints.onsets.get(nodes[caller], UNKNOWN)
        late |= {
            node
            for node in mine
            if hints.onsets.get(nodes[node], UNKNOWN) - since_s > hints.resolution_s
        }
    weights[list(late)] *= tuning.later_weighs
    return weights


def _merged(
    score: Floats, total: Floats, shown_by: Mapping[str, str], nodes: Sequence[str]
) -> dict[str, str]:
    """The views that count for their thing, which takes the largest score of them: all tell of the
    same calls. One that has more of its own than the thing could explain stands for itself."""
    column = {name: index for index, name in enumerate(nodes)}
    kept: dict[str, str] = {}
    for view, thing in shown_by.items():
        if score[column[view]] <= total[column[thing]]:
            kept[view] = thing
            score[column[thing]] = max(score[column[thing]], score[column[view]])
    return kept


def _ranked(
    found: Excess,
    own: Floats,
    score: Floats,
    shown_by: Mapping[str, str],
    callees: Callees,
    symptom: Symptom,
    hints: Hints,
) -> tuple[RankedCause, ...]:
    views: dict[str, list[str]] = {}
    for view, thing in shown_by.items():
        views.setdefault(thing, []).append(view)
    things = [i for i, name in enumerate(found.nodes) if name not in shown_by]
    whole = float(score[things].sum())
    ranked = [
        RankedCause(
            node=found.nodes[i],
            share=float(score[i]) / whole if whole > 0.0 else 0.0,
            score=float(score[i]),
            own=float(own[i]),
            excess=float(found.total[i]),
            noise=float(found.noise[i]),
            reason=_reason(found, i, float(own[i]), callees[i], symptom, hints),
            views=tuple(sorted(views.get(found.nodes[i], ()))),
        )
        for i in things
    ]
    return tuple(sorted(ranked, key=lambda c: (-c.score, -c.excess, c.node)))


def _reason(
    found: Excess, node: int, own: float, mine: Sequence[int], symptom: Symptom, hints: Hints
) -> str:
    total, unit = float(found.total[node]), UNITS[symptom]
    if found.is_silent[node]:
        text = "it is always called, and now nothing of it is seen"
    elif total <= 0.0:
        return "nothing unusual was seen of it"
    else:
        text = f"{total:.3g} {unit} per interval above normal (noise {found.noise[node]:.3g})"
        blamed = max(mine, key=lambda c: found.total[c] * found.belief[c], default=None)
        if blamed is not None and own < total:
            text += f", of which {own:.3g} its own, {found.nodes[blamed]} explains most of the rest"
        elif mine:
            text += ", all its own: nothing that it calls explains it"
    return text + ("; somebody changed it" if found.nodes[node] in hints.changes else "")
