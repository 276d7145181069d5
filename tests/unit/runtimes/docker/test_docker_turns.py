"""How often the engine is asked what a container uses, where its files are out of reach."""

from __future__ import annotations

import math

from everup.runtimes.docker.accounting import Usage
from everup.runtimes.docker.containers import Container, parse
from everup.runtimes.docker.turns import AT_REST_PER_S, CLOSE_S, Turns

MANY, EVERY_S = 50, 5.0
ANSWER = Usage(cpu_seconds=5.0, io_bytes=3.0, memory_bytes=7e6, memory_limit_bytes=9e6)


def container(number: int, failing: int = 0) -> Container:
    health = {"Status": "healthy", "FailingStreak": failing, "Log": []}
    state = {"Running": True, "StartedAt": "2026-01-02T03:04:05Z", "Pid": 7, "Health": health}
    document = {"Id": f"{number:064d}", "Name": f"/c{number}", "State": state}
    return parse({**document, "Config": {}, "HostConfig": {}, "NetworkSettings": {}})


ALL = [container(number) for number in range(MANY)]


def asked(turns: Turns, containers: list[Container], now_s: float) -> list[Container]:
    due = turns.due(containers, now_s)
    for one in due:
        turns.take(one, ANSWER, now_s)
    return due


def test_all_at_first_then_few_and_each_in_its_turn() -> None:
    turns = Turns()
    assert asked(turns, ALL, 0.0) == ALL
    seen: set[str] = set()
    for step in range(1, 11):
        due = asked(turns, ALL, step * EVERY_S)
        assert len(due) == EVERY_S * AT_REST_PER_S
        seen |= {one.id for one in due}
    assert len(seen) == MANY


def test_who_fails_and_who_is_new_is_always_asked() -> None:
    turns = Turns()
    asked(turns, ALL[1:], 0.0)
    sick = container(MANY - 1, failing=1)
    due = turns.due([*ALL[:-1], sick], EVERY_S)
    assert {ALL[0].id, sick.id} <= {one.id for one in due}
    assert len(due) == 2 + EVERY_S * AT_REST_PER_S


def test_all_are_asked_by_who_looks_closely_and_after_long() -> None:
    turns = Turns()
    asked(turns, ALL, 0.0)
    assert turns.due(ALL, CLOSE_S - 0.5) == ALL
    assert turns.due(ALL, 1000.0) == ALL


def test_what_is_not_asked_keeps_its_memory_and_no_totals() -> None:
    turns = Turns()
    turns.take(ALL[0], ANSWER, 0.0)
    assert turns.usage(ALL[0], 0.0) == ANSWER
    later = turns.usage(ALL[0], 5.0)
    assert (later.memory_bytes, later.memory_limit_bytes) == (7e6, 9e6)
    assert math.isnan(later.cpu_seconds)
    assert math.isnan(later.io_bytes)
    turns.take(ALL[0], None, 10.0)
    assert math.isnan(turns.usage(ALL[0], 10.0).memory_bytes)
    turns.keep_only([])
    assert math.isnan(turns.usage(ALL[0], 10.0).memory_bytes)
