"""Who answers under which name, on the real engine: cut off and back, a standby and back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model.kinds import ActionKind, Condition, Purpose
from everup.model.request import Answer, AnswerState, Request, Verb
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, all_healthy, condition, until, watched
from tests.system.test_docker_scales import ask, proven

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

_ASK = "wget -q -O /dev/null http://127.0.0.1:8080/"
_SERVE = "mkdir -p /www; echo {0} >/www/index.html; exec httpd -f -p 8080 -h /www"
COMPOSE = f"""
version: "2.4"
x-check: &check {{interval: 1s, timeout: 1s, retries: 3, test: ["CMD-SHELL", "{_ASK}"]}}
services:
  db:
    image: {BUSYBOX}
    command: ["sh", "-c", "{_SERVE.format("first")}"]
    healthcheck: *check
    labels: {{everup.standby: spare}}
  spare:
    image: {BUSYBOX}
    command: ["sh", "-c", "{_SERVE.format("second")}"]
    healthcheck: *check
  user:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [db]
    healthcheck: {{interval: 1s, timeout: 2s, retries: 3, test: ["CMD-SHELL", "wget -q -O /dev/null http://db:8080/"]}}
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"places{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.file.write_text(COMPOSE, encoding="utf-8")
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


async def heal(engine: Engine, service: str, kind: ActionKind, instance: str = "") -> Answer:
    wish = Request(Verb.HEAL, "ann", service, kind=kind, instance=instance)
    while True:
        answer = await engine.control.request(wish)
        if answer.text != "no complete observation yet":  # it has just begun
            return answer
        await asyncio.sleep(0.5)


def says(shop: Shop, name: str) -> str:
    """What answers under this name, for the user."""
    word = f"wget -q -O - http://{name}:8080/ 2>/dev/null || echo nobody"
    return call("exec", shop.container("user"), "sh", "-c", word).strip()


def networks(shop: Shop, container: str) -> dict[str, list[str]]:
    """Names by network, without the engine's own short id."""
    document = shop.docker.inspect(container)
    found = document["NetworkSettings"]["Networks"]
    short = document["Id"][:12]
    return {n: sorted(set(e["Aliases"] or ()) - {short}) for n, e in found.items()}


def test_a_standby_takes_the_place_and_gives_it_back(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        names = [networks(shop, shop.container(s)) for s in ("db", "spare")]
        async with watched(shop, tmp_path, mode="auto") as engine:
            await all_healthy(engine)
            assert says(shop, "db") == "first"
            assert await proven(engine, await heal(engine, "db", ActionKind.FAILOVER)) == "verified"
            assert says(shop, "db") == "second"
            assert not shop.state("db")["Running"]
            assert networks(shop, shop.container("db")) == {}, "it is fenced"
            assert engine.control.state.service("db").purpose is Purpose.STOPPED
            refused = await engine.control.request(Request(Verb.START, "ann", "db"))
            assert refused.state is AnswerState.REFUSED
            assert "rejoin" in refused.text
            await until(lambda: condition(engine, "user") is Condition.HEALTHY, "its user is well")
        assert says(shop, "db") == "second", "it stays, or two would answer"

        async with watched(shop, tmp_path, mode="auto") as engine:
            await until(lambda: condition(engine, "user") is Condition.HEALTHY, "its user is well")
            assert not shop.state("db")["Running"], "nobody starts the fenced one"
            shop.crash("user")
            await until(lambda: shop.state("user")["Running"], "its user is healed beside it")
            assert await proven(engine, await heal(engine, "db", ActionKind.REJOIN)) == "verified"
            assert says(shop, "db") == "first"
            assert [networks(shop, shop.container(s)) for s in ("db", "spare")] == names

    asyncio.run(story())


def test_a_standby_that_is_not_well_is_none(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            shop.do("stop", "spare", "-t", "0")
            await until(lambda: condition(engine, "spare") is not Condition.HEALTHY, "it is down")
            answer = await heal(engine, "db", ActionKind.FAILOVER)
            assert answer.state is AnswerState.REFUSED
            assert "standby" in answer.text
            assert says(shop, "db") == "first"

    asyncio.run(story())


def test_one_of_several_is_cut_off_and_nobody_is_worse(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            assert await proven(engine, await ask(engine, "db", count=2)) == "verified"
            first = shop.container("db")
            before = networks(shop, first)
            answer = await heal(engine, "db", ActionKind.ISOLATE, first)
            assert await proven(engine, answer) == "verified"
            assert networks(shop, first) == {}
            assert says(shop, "db") == "first", "the other one, of the same image"
            assert condition(engine, "db") is Condition.HEALTHY
            assert await proven(engine, await heal(engine, "db", ActionKind.REJOIN)) == "verified"
            assert networks(shop, first) == before
            assert await proven(engine, await heal(engine, "db", ActionKind.ISOLATE, first))
        assert networks(shop, first) == before, "nothing that we hold outlives us"

    asyncio.run(story())
