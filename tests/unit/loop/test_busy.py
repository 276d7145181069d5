"""Busy or not: signs in titles, hooks and their codes, and what is decided by the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from everup.automated_recovery import propose
from everup.loop.busy import ask
from everup.loop.busy_signs import sign_of
from everup.loop.desk import Desk
from everup.loop.ports import Prober, Runtime
from everup.model.decision import Escalate, Hold, HoldReason, Proposal
from everup.model.errors import EverupError, GiveUp, HookFailed, TryAgain
from everup.model.kinds import BusyState, InstanceState
from everup.model.observation import Busy, Instance, Observation
from everup.model.runtime import ProcessSight
from everup.model.stack import HookSpec, ProbeSpec
from everup.model.state import StackState
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    failing,
    seen,
    service,
    settled_memory,
    stack,
)


@pytest.mark.parametrize(
    ("title", "sign"),
    [
        ("postgres: app shop 127.0.0.1(5000) COPY", "works on COPY"),
        ("postgres: main: app shop [local] VACUUM", "works on VACUUM"),
        (
            'postgres: walsender app 127.0.0.1(5000) sending backup "pg_basebackup"',
            "sends a backup",
        ),
        ("postgres: startup recovering 000000010000000000000003", "replays its log"),
        ("redis-rdb-bgsave 127.0.0.1:6379", "saves a snapshot"),
        ("redis-aof-rewrite 127.0.0.1:6379", "rewrites its append-only file"),
        ("postgres: app shop 127.0.0.1(5000) idle", ""),
        ("postgres: autovacuum worker shop", ""),
        ("postgres: checkpointer", ""),
        ("python copy.py COPY", ""),
    ],
)
def test_titles_tell_of_work(title: str, sign: str) -> None:
    said = sign_of([ProcessSight(1, "S", "main"), ProcessSight(7, "S", title)])
    assert said == (f"{sign} (process 7)" if sign else "")


def test_a_stopped_process_does_nothing_and_a_standby_replays_for_ever() -> None:
    assert sign_of([ProcessSight(7, "T", "postgres: app shop [local] COPY")]) == ""
    replay = ProcessSight(7, "S", "postgres: startup recovering 000000010000000000000003")
    assert sign_of([replay, ProcessSight(8, "S", "postgres: walreceiver streaming 0/3")]) == ""


class Hands:
    """A runtime and a prober of which only the questions are asked."""

    def __init__(self, answer: str | Exception = "", asked: object = None) -> None:
        self.answer, self.asked = answer, asked

    async def run_hook(self, *_: object) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def processes(self, *_: object) -> Sequence[ProcessSight]:
        return [ProcessSight(7, "R", str(await self.run_hook()))]

    async def busy(self, *_: object) -> object:
        return self.asked


def said(hands: Hands, **spec: Any) -> tuple[BusyState, str]:
    what = replace(service("db", is_stateful=True), **spec)
    running = [Instance("db", "db-0", "1", InstanceState.RUNNING)]
    return asyncio.run(ask(cast(Runtime, hands), cast(Prober, hands), what, running, SETTINGS))


COMMAND = {"busy": HookSpec(command=("./busy",))}
CALL = {"busy": HookSpec(http="GET http://127.0.0.1/busy")}


@pytest.mark.parametrize(
    ("answer", "hooks", "state"),
    [
        ("a backup\nruns", COMMAND, BusyState.BUSY),
        ("", COMMAND, BusyState.BUSY),
        (HookFailed("code 1", 1), COMMAND, BusyState.IDLE),
        (HookFailed("code 2", 2), COMMAND, BusyState.UNKNOWN),
        (TryAgain("too slow"), COMMAND, BusyState.UNKNOWN),
        (GiveUp("not found"), COMMAND, BusyState.UNKNOWN),
        (RuntimeError("ours"), COMMAND, BusyState.UNKNOWN),
        ("snapshot", CALL, BusyState.BUSY),
        (" \n", CALL, BusyState.IDLE),
    ],
)
def test_the_owners_hook_has_the_word(
    answer: str | EverupError, hooks: dict[str, HookSpec], state: BusyState
) -> None:
    found = said(Hands(answer), hooks=hooks)
    assert found[0] is state
    assert found[1] or state is BusyState.IDLE


def test_without_a_hook_titles_and_the_server_itself_are_asked() -> None:
    probe = ProbeSpec(redis="127.0.0.1:6379")
    busy = (BusyState.BUSY, "it saves a snapshot")
    assert said(Hands("redis-server"), probe=probe)[0] is BusyState.IDLE
    assert said(Hands("redis-server", busy), probe=probe) == busy
    assert said(Hands("redis-rdb-bgsave"), probe=probe)[0] is BusyState.BUSY
    assert said(Hands(TryAgain("blind"), busy), probe=probe) == busy
    assert said(Hands(TryAgain("blind")), probe=probe)[0] is BusyState.UNKNOWN


def test_the_desk_keeps_since_when_and_why() -> None:
    what = stack(service("db", is_stateful=True))
    desk = Desk(what, SETTINGS)

    def after(*answers: Busy | None) -> Busy | None:
        for answer in answers:
            desk.take_busy("db", answer)
        return desk.observation(NOW_S).services["db"].busy

    first = Busy(BusyState.BUSY, 10.0, "12 % done")
    second = replace(first, at_s=15.0, reason="14 % done")
    assert after(first, second) == Busy(BusyState.BUSY, 15.0, "12 % done", 10.0)
    assert after(Busy(BusyState.IDLE, 20.0)) == Busy(BusyState.IDLE, 20.0, "", 20.0)
    assert after(None) is None


STACK = stack(service("db", is_stateful=True))


def decided(busy: Busy | None) -> object:
    found: Observation = seen(failing("db", for_s=90.0, idle=True, letter="T"))
    services = {"db": replace(found.services["db"], busy=busy)}
    found = replace(found, services=services)
    answers = propose(
        STACK, found, assess(STACK, found), StackState(), settled_memory(STACK), SETTINGS
    )
    return answers[0]


def test_a_busy_one_is_waited_for_and_then_handed_over() -> None:
    hold = decided(Busy(BusyState.BUSY, NOW_S - 3.0, "a backup", NOW_S - 600.0))
    assert isinstance(hold, Hold)
    assert (hold.reason, hold.until_s) == (HoldReason.BUSY, NOW_S + 3000.0)
    case = decided(Busy(BusyState.BUSY, NOW_S, "a backup", NOW_S - 3600.0))
    assert isinstance(case, Escalate)
    assert "a backup" in case.text


@pytest.mark.parametrize("busy", [None, Busy(BusyState.IDLE, NOW_S - 60.0)])
def test_nothing_is_done_before_it_was_asked(busy: Busy | None) -> None:
    hold = decided(busy)
    assert isinstance(hold, Hold)
    assert hold.reason is HoldReason.BUSY


def test_unknown_holds_nothing_back_and_is_said() -> None:
    idle = decided(Busy(BusyState.IDLE, NOW_S))
    assert isinstance(idle, Proposal)
    unknown = decided(Busy(BusyState.UNKNOWN, NOW_S, "no answer within 2 s"))
    assert isinstance(unknown, Proposal)
    assert (
        unknown.reason == f"{idle.reason} (whether it is busy is not known: no answer within 2 s)"
    )
    assert unknown.key == idle.key
