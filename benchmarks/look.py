"""The pure half of a look, stage by stage, for stacks of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.world import seen, stack_of
from everup.automated_recovery import propose
from everup.dependency_monitor import build_graph, relate
from everup.model.assessment import Assessment
from everup.model.settings import Settings
from everup.model.state import Memory, StackState
from everup.predictive_monitor import score

SIZES = (12, 100, 1000)


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """(what is timed, the call)."""
    settings, state, memory = Settings(), StackState(), Memory()
    for size in SIZES:
        stack = stack_of(size)
        graph, observation = build_graph(stack), seen(stack)
        health = partial(score, stack, observation, state, settings)
        own = health()
        relations = partial(relate, stack, observation, own, graph, state, settings)
        assessment = Assessment(own, relations())
        yield f"score, {size} services", health
        yield f"relate, {size} services", relations
        yield (
            f"propose, {size} services",
            partial(propose, stack, observation, assessment, state, memory, settings),
        )
