"""What cannot be done is refused by name, with what can, and is no action in the journal."""

from __future__ import annotations

import asyncio

import pytest

from everup.loop.possible import why_not
from everup.model.entries import Intended
from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.stack import HookSpec
from everup.runtimes.docker.manifest import MANIFEST as DOCKER
from everup.runtimes.processes.manifest import MANIFEST
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import World

POSSIBLE = (
    "possible for a are: restart, graceful_restart, container_restart, dependency_recovery, "
    "emergency_rollback, scale_out, scale_up, scale_in, scale_down"
)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ActionKind.FAILOVER, "the processes runtime cannot failover"),
        (ActionKind.RECREATE, "a declares no releases, without which recreate is a restart"),
        (ActionKind.ISOLATE, "the processes runtime cannot isolate"),
        (ActionKind.REJOIN, "the processes runtime cannot rejoin"),
        (ActionKind.CACHE_CLEAR, "a declares no cache_clear hook"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_can(kind: ActionKind, reason: str) -> None:
    said = why_not(kind, service("a"), MANIFEST)
    assert said.startswith(reason)
    assert said.endswith(POSSIBLE)


def test_start_and_stop_have_verbs_of_their_own() -> None:
    assert why_not(ActionKind.STOP, service("a"), MANIFEST).endswith("use: everup stop a")
    assert why_not(ActionKind.START, service("a"), MANIFEST).endswith("use: everup start a")


def test_what_can_be_done_is_not_refused() -> None:
    cleared = service("a", hooks={"cache_clear": HookSpec(command=("true",))})
    assert why_not(ActionKind.CACHE_CLEAR, cleared, MANIFEST) == ""
    assert why_not(ActionKind.GRACEFUL_RESTART, service("a"), MANIFEST) == ""


def test_a_recreate_that_would_lose_something_says_what() -> None:
    managed = service("a", no_recreate=("Docker Swarm manages it",))
    said = why_not(ActionKind.RECREATE, managed, DOCKER)
    assert said.startswith("a is not made anew: Docker Swarm manages it; possible for a are: ")
    assert "recreate" not in said.partition("possible")[2]
    assert why_not(ActionKind.RECREATE, service("a"), DOCKER) == ""


def test_it_is_refused_before_anything_is_written() -> None:
    async def story() -> tuple[Answer, World]:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life() as control:
            wish = Request(Verb.HEAL, "ann", "a", kind=ActionKind.RECREATE)
            return await control.request(wish), world

    answer, world = asyncio.run(story())
    assert (answer.state, answer.check) == (AnswerState.REFUSED, "not_possible")
    assert "there is nothing to replace" in answer.text
    assert world.journal.of(Intended) == []
