"""Clearing a cache: only by its owner's hook, and judged by the load of what stands behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from everup.automated_recovery import proposal_for
from everup.loop.perform import perform
from everup.loop.ports import Clock, Runtime
from everup.loop.verify import judge_expectation
from everup.model.assessment import Assessment, OwnHealth, ServiceHealth
from everup.model.entries import Intended
from everup.model.evidence import Failed, Passed, Pending, Sighting
from everup.model.kinds import ActionKind, Cause, Condition, Origin
from everup.model.request import Request, Verb
from everup.model.stack import HookSpec
from everup.model.state import InFlight, Phase
from tests.unit.builders import NOW_S, SETTINGS, assess, seen, service, stack, up

CACHE = service("cache", hooks={"cache_clear": HookSpec(command=("./clear",))})
STACK = stack(CACHE, service("db"), service("api", "cache", "db"), service("mail"))
CALM = seen(up("cache"), up("db"), up("api"), up("mail"))


def flight() -> InFlight:
    request = Request(Verb.HEAL, by="Ann", service="cache", kind=ActionKind.CACHE_CLEAR)
    proposal = proposal_for(
        request, STACK, assess(STACK, CALM), SETTINGS, is_running=True, incident_id=None
    )
    return InFlight(
        *("act-1", None, proposal.key, Origin.PERSON, Cause.REQUESTED, proposal.steps[0]),
        NOW_S - 61.0,
        before=Sighting(NOW_S - 61.0),
        expectation=proposal.expectation,
        phase=Phase.VERIFYING,
        done_at_s=NOW_S - 60.0,
    )


def with_score(name: str, score: float) -> Assessment:
    calm = assess(STACK, CALM)
    health = ServiceHealth(name, score, Condition.DEGRADED)
    return replace(calm, own=OwnHealth({**calm.own.services, name: health}))


def test_what_stands_behind_the_cache_is_looked_at() -> None:
    assert flight().expectation.behind_before == {"db": 1.0}
    assert isinstance(judge_expectation(flight(), CALM, assess(STACK, CALM), SETTINGS), Passed)
    assert isinstance(judge_expectation(flight(), CALM, with_score("mail", 0.5), SETTINGS), Passed)
    crushed = judge_expectation(flight(), CALM, with_score("db", 0.5), SETTINGS)
    assert isinstance(crushed, Pending)
    assert "stands behind the cache" in crushed.missing
    late = replace(flight(), done_at_s=NOW_S - 9000.0)
    assert isinstance(judge_expectation(late, CALM, with_score("db", 0.5), SETTINGS), Failed)


class Hands:
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def run_hook(self, service: str, name: str, hook: HookSpec) -> str:
        self.ran.append(f"{service} {name} {' '.join(hook.command)}")
        return "freed 3 keys"

    def now(self) -> float:
        return NOW_S


@pytest.mark.parametrize(
    ("hooks", "outcome", "said"),
    [
        (CACHE.hooks, "done", "freed 3 keys"),
        ({}, "failed", "cache declares no cache_clear hook"),
    ],
)
def test_it_is_done_by_the_declared_hook_or_not_at_all(
    hooks: dict[str, HookSpec], outcome: str, said: str
) -> None:
    hands, known = Hands(), flight()
    intent = Intended(
        *(NOW_S, "act-1", None, known.key, known.origin, known.cause, known.step, "asked"),
        before=known.before,
        expectation=known.expectation,
    )
    spec = replace(CACHE, hooks=hooks)
    doing = perform(cast(Runtime, hands), cast(Clock, hands), SETTINGS, spec, intent)
    finished = asyncio.run(doing)
    assert finished.outcome == outcome
    assert said in f"{finished.error} {' '.join(finished.during)}"
    assert hands.ran == (["cache cache_clear ./clear"] if hooks else [])


@pytest.mark.parametrize(
    ("declared", "ran"), [(("free_space",), "free_space"), (("free_space", "cache_clear"), "")]
)
def test_a_person_may_have_space_freed_where_no_cache_is_declared(
    declared: tuple[str, ...], ran: str
) -> None:
    spec = service("db", hooks={name: HookSpec(command=(name,)) for name in declared})
    calm = seen(up("db"))
    request = Request(Verb.HEAL, by="Ann", service="db", kind=ActionKind.CACHE_CLEAR)
    proposal = proposal_for(
        request,
        stack(spec),
        assess(stack(spec), calm),
        SETTINGS,
        is_running=True,
        incident_id=None,
    )
    (step,) = proposal.steps
    assert step.parameters.get("hook", "") == ran
    hands = Hands()
    intent = Intended(
        *(NOW_S, "act-1", None, proposal.key, proposal.origin, proposal.cause, step, "asked"),
        before=Sighting(NOW_S),
        expectation=proposal.expectation,
    )
    asyncio.run(perform(cast(Runtime, hands), cast(Clock, hands), SETTINGS, spec, intent))
    wanted = ran or "cache_clear"
    assert hands.ran == [f"db {wanted} {wanted}"]
