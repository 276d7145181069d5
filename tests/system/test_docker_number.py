"""Fewer containers than the load needs are gone back from; fewer that suffice are safe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine
from everup.loop.counts import SOMEBODY
from everup.model import entries as e
from everup.model.comparison import Aspect
from everup.model.kinds import ActionKind, Origin
from everup.model.probation import ProbationEnding
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import ServiceState
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import Shop, all_healthy, told, until, watched

# ruff: noqa: E501
pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SLOW_S = 150.0  # of a machine that does much else
CLIENTS = 24
"""Each asks again as soon as it was answered. A copy answers one after the other, 0.3 s each: with
three of them in 2.4 s, with one alone in 7.2 s, of which the check waits for 5 s."""
PAGE = "printf '#!/bin/sh\\nflock /tmp/turn sleep 0.3\\nprintf \"Status: 200\\\\n\\\\nfine\"\\n' >/www/cgi-bin/page"
SERVE = f"mkdir -p /www/cgi-bin; {PAGE}; chmod +x /www/cgi-bin/page; exec httpd -f -p 8080 -h /www"
ASK = "wget -q -T 5 -O /dev/null http://127.0.0.1:8080/cgi-bin/page"
COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    stop_grace_period: 1s
    command: ["sh", "-c", '{SERVE.replace("'", "''").replace("$", "$$")}']
    healthcheck: {{interval: 1s, timeout: 5s, retries: 2, test: ["CMD-SHELL", "{ASK}"]}}
  idle:
    image: {BUSYBOX}
    stop_grace_period: 1s
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    healthcheck: {{interval: 1s, timeout: 5s, retries: 2, test: ["CMD-SHELL", "true"]}}
  users:
    image: {BUSYBOX}
    stop_grace_period: 1s
    command: ["sh", "-c", "for n in $$(seq {CLIENTS}); do (while :; do wget -q -T 20 -O /dev/null http://web:8080/cgi-bin/page || sleep 1; done) & done; wait"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"number{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d", "--scale", "web=3", "--scale", "idle=2")
    yield made
    made.compose("down", "-v", "-t", "0")


def _of(engine: Engine, name: str) -> ServiceState:
    return engine.control.state.service(name)


async def _about(engine: Engine, kind: type[e.Entry], service: str) -> list[Any]:
    return [x for x in await told(engine, kind) if getattr(x, "service", "") == service]


def test_fewer_than_the_load_needs_and_fewer_that_suffice(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=0.2) as engine:
            await all_healthy(engine)
            await until(lambda: _of(engine, "web").counted == 3, "as many are kept", SLOW_S)
            await until(lambda: _of(engine, "idle").counted == 2, "as many are kept", SLOW_S)
            await until(lambda: engine.control.state.snapshots, "a snapshot", SLOW_S)
            shop.compose("up", "-d", "--no-recreate", "--scale", "web=1", "--scale", "idle=1")
            assert len(shop.compose("ps", "-q", "web").split()) == 1
            await until(lambda: _of(engine, "web").probation, "fewer are watched", SLOW_S)
            await until(lambda: _of(engine, "web").past_probation, "it went back", SLOW_S)

            (ended,) = await _about(engine, e.ProbationEnded, "web")
            assert ended.ending is ProbationEnding.ROLLED_BACK, ended.reason
            (change,) = await _about(engine, e.InstancesCounted, "web")
            assert (change.before, change.count, change.by) == (3, 1, SOMEBODY)
            intents = [x for x in await told(engine, e.Intended) if isinstance(x, e.Intended)]
            (done,) = [x for x in intents if x.by == "everup"]
            assert (done.step.kind, done.origin) == (
                ActionKind.EMERGENCY_ROLLBACK,
                Origin.ROLLBACK,
            )
            assert (done.step.parameters[INSTANCES], done.step.parameters[BEFORE]) == (3, 1)
            proof = (await _about(engine, e.Verified, "web"))[-1]
            assert proof.has_passed
            assert "3 instances" in proof.reason
            assert len(shop.compose("ps", "-q", "web").split()) == 3

            first = engine.control.state.snapshots[0]
            changes = await engine.control.compare_snapshots(first.id, "now")
            lines = {c.service: (c.lines, c.by) for c in changes if c.aspect is Aspect.REPLICAS}
            assert lines == {"idle": (("2 → 1",), "somebody else")}
            await until(lambda: _of(engine, "idle").past_probation, "fewer suffice", SLOW_S)
            (ended,) = await _about(engine, e.ProbationEnded, "idle")
            assert ended.ending is ProbationEnding.SAFE_POINT, ended.reason
            assert [p.instances for p in _of(engine, "idle").safe_points] == [1]
            assert not await _about(engine, e.Verified, "idle"), "nothing was done"

    asyncio.run(story())
