"""Another size on the real engine, asked for by a person: proven, undone, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model.kinds import UNKNOWN, ActionKind, Condition
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.scaling import Amount
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import Shop, actions, all_healthy, condition, until, watched

# ruff: noqa: E501
pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PROVEN_WITHIN_S = 170.0
MIB = 1024 * 1024
_ASK = "wget -q -O /dev/null http://127.0.0.1:8080/"
COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    mem_limit: 32m
    command: ["sh", "-c", "mkdir -p /www; echo $$HOSTNAME >/www/index.html; exec httpd -f -p 8080 -h /www"]
    healthcheck: {{interval: 1s, timeout: 1s, retries: 3, test: ["CMD-SHELL", "{_ASK}"]}}
  # The first one serves; what is made after it finds the mark and is never well.
  alone:
    image: {BUSYBOX}
    command: ["sh", "-c", "if [ $$(nslookup alone 2>/dev/null | grep -c '^Address.*:.*\\\\.') -gt 2 ]; then sleep 10000; fi; mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www"]
    healthcheck: {{interval: 1s, timeout: 1s, retries: 3, test: ["CMD-SHELL", "{_ASK}"]}}
  fixed:
    image: {BUSYBOX}
    container_name: NAME-fixed
    command: ["sleep", "10000"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    word = f"sizes{abs(hash(tmp_path)) % 10**8}"
    made = Shop(docker, word, tmp_path)
    made.file.write_text(COMPOSE.replace("NAME", made.name), encoding="utf-8")
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


async def ask(
    engine: Engine, service: str, kind: ActionKind | None = None, *, count: int = 0, mib: float = 0
) -> Answer:
    amount = Amount(count, mib * MIB if mib else UNKNOWN)
    return await engine.control.request(
        Request(Verb.SCALE, "ann", service, kind=kind, amount=amount)
    )


async def proven(engine: Engine, answer: Answer) -> str:
    """`verified` or `failed`, once it is known."""
    assert answer.state is AnswerState.ACCEPTED, answer
    assert answer.action_id is not None
    deadline_s = asyncio.get_running_loop().time() + PROVEN_WITHIN_S
    while True:
        record = await engine.control.journal.action(answer.action_id)
        if record is not None and record.state in ("verified", "failed"):
            return record.state
        assert asyncio.get_running_loop().time() < deadline_s, record
        await asyncio.sleep(0.1)


def listed(shop: Shop, service: str) -> list[str]:
    """What Compose itself says that there is."""
    told = shop.compose("ps", "-q", service).split()
    return sorted(str(shop.docker.inspect(one)["Name"]).lstrip("/") for one in told)


def test_more_and_fewer_as_compose_names_them(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            assert await proven(engine, await ask(engine, "web", count=3)) == "verified"
            assert listed(shop, "web") == [f"{shop.name}_web_{n}" for n in (1, 2, 3)]
            assert condition(engine, "web") is Condition.HEALTHY

            first = shop.docker.inspect(f"{shop.name}_web_1")["Id"]
            shop.compose("up", "-d", "--scale", "web=3", "--no-recreate")
            assert shop.docker.inspect(f"{shop.name}_web_1")["Id"] == first

            shop.do("kill", "web", "-s", "STOP")
            await until(
                lambda: (
                    engine.control.look is not None
                    and bool(engine.control.look.assessment.relations.findings)
                ),
                "one is sick",
            )
            assert await proven(engine, await ask(engine, "web", count=2)) == "verified"
            assert listed(shop, "web") == [f"{shop.name}_web_{n}" for n in (2, 3)], "sick first"
            kinds = [a.step.kind for a in await actions(engine)]
            assert kinds == [ActionKind.SCALE_OUT, ActionKind.SCALE_IN]

    asyncio.run(story())


def test_copies_that_are_never_well_are_taken_away(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            assert await proven(engine, await ask(engine, "alone", count=2)) == "failed"
            await until(lambda: listed(shop, "alone") == [f"{shop.name}_alone_1"], "it is undone")
            await until(lambda: condition(engine, "alone") is Condition.HEALTHY, "it is well")
            undo = (await actions(engine))[-1].step
            assert undo.kind is ActionKind.SCALE_IN
            assert undo.undoes == (await actions(engine))[0].action_id

    asyncio.run(story())


def test_limits_live_read_back_and_given_back(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        def limits() -> tuple[int, int]:
            host = shop.docker.inspect(f"{shop.name}_web_1")["HostConfig"]
            return host["Memory"] // MIB, host["MemorySwap"] // MIB

        before = limits()
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            pid = shop.state("web")["Pid"]
            assert await proven(engine, await ask(engine, "web", mib=64)) == "verified"
            assert limits() == (64, 64 + before[1] - before[0])
            assert shop.state("web")["Pid"] == pid, "live"
            answer = await ask(engine, "web", ActionKind.SCALE_UP)
            assert await proven(engine, answer) == "verified"
            assert limits()[0] == 164
        assert limits() == before, "nothing outlives us"

    asyncio.run(story())


def test_what_cannot_be_is_refused_by_name(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            for answer, name in (
                (await ask(engine, "fixed", count=2), "container_name"),
                (await ask(engine, "web", count=1), "no_change"),
                (await ask(engine, "web", ActionKind.SCALE_IN), "below_least"),
                (await ask(engine, "fixed", ActionKind.SCALE_UP), "no_limit"),
                (await ask(engine, "web"), "no_amount"),
            ):
                assert (answer.state, answer.check) == (AnswerState.REFUSED, name), answer.text
            assert await actions(engine) == []

    asyncio.run(story())


def test_compose_has_the_last_word_on_how_many(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            assert await proven(engine, await ask(engine, "web", count=2)) == "verified"
            shop.compose("up", "-d", "--scale", "web=1")
            await until(
                lambda: engine.control.state.service("web").instances_wanted == 1, "it is a wish"
            )
            await until(lambda: condition(engine, "web") is Condition.HEALTHY, "it is well")
            assert len(await actions(engine)) == 1, "nothing is scaled back"

    asyncio.run(story())
