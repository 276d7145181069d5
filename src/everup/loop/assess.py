"""Assess: health, relations and memory, each a pure function of what was seen and remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.dependency_monitor import relate
from everup.loop.look import Look
from everup.loop.remember import remember
from everup.loop.tuning import anomaly_budget_of
from everup.model.assessment import Assessment
from everup.model.kinds import Condition
from everup.predictive_monitor import score

if TYPE_CHECKING:
    from everup.loop.control import Control

SUFFERS = frozenset({Condition.UNHEALTHY, Condition.DOWN, Condition.DEGRADED})


async def assess(control: Control, look: Look) -> Look:
    """Fill in the assessment; the control's memory takes the look in."""
    control.follow_names()
    control.settings = control.tuning.settings(control.state)
    stack, settings, state = control.stack, control.settings, control.state
    habits = control.beside.habits
    habits.remember(state)
    own = score(stack, look.observation, state, settings, habits.latency())
    control.beside.take_sample(look.at_s, look.observation, own)
    control.anomalies.budget = anomaly_budget_of(settings, state)
    control.foresight.anomalies = control.anomalies.shares()
    predictions = control.foresight.look(stack, look.observation, control.ring, state, settings)
    seen, graph = look.observation, control.graph
    is_calm = all(h.condition not in SUFFERS for h in own.services.values())
    calls = {} if is_calm else control.traffic.calls.ranked(graph.edges)
    relations = relate(stack, seen, own, graph, state, settings, predictions, calls)
    control.memory = remember(control.memory, look.observation, own, settings)
    return replace(look, assessment=Assessment(own, relations, predictions))
