"""A bad deploy on real containers is undone, once, and only where something was deployed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause
from everup.model.probation import ProbationEnding
from everup.model.request import AnswerState, Request, Verb
from tests.docker_engine import BUSYBOX, Docker, api, call
from tests.system.docker_stack import Shop, actions, all_healthy, until, watched

BUSY = {"EVERUP_HOST_PRESSURE_RATIO": "1"}  # else a busy machine blames no version
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SLOW_S = 120.0  # of a machine that does much else
_ASK = "wget -q -O - http://127.0.0.1:8080/health"
_SERVE = "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"
_GOOD = "mkdir -p /www && echo fine >/www/health"
_BAD = "mkdir -p /www"
BASELINE_S = 70.0
_ASK_PAGE = "wget -q -O - http://127.0.0.1:8080/cgi-bin/page"
_PAGE = (
    "mkdir -p /www/cgi-bin && printf '#!/bin/sh\\nsleep {takes_s}\\nprintf \"Status: 200"
    "\\\\n\\\\nfine\"\\n' >/www/cgi-bin/page && chmod +x /www/cgi-bin/page"
)
COMPOSE = """
version: "2.4"
services:
  web:
    image: {image}
    environment: {{COLOUR: green}}
    stop_grace_period: 1s
    volumes: ["data:/data"]
    labels: {{everup.stateful: "{stateful}"}}
  other:
    image: {busybox}
    stop_grace_period: 1s
    command: ["sh", "-c", "{serve}"]
volumes: {{data: {{}}}}
"""
_OTHER = "trap 'exit 0' TERM; sleep 100000 & wait"


class Shelves(Shop):
    """A project whose `web` is built in several versions under one tag, as a pipeline would."""

    def __init__(self, docker: Docker, word: str, folder: Path, *, stateful: bool = False) -> None:
        super().__init__(docker, word, folder)
        self.folder, self.image = folder, f"{docker.name(word)}:latest"
        text = COMPOSE.format(
            image=self.image, busybox=BUSYBOX, serve=_OTHER, stateful=str(stateful).lower()
        )
        self.file.write_text(text, encoding="utf-8")
        self.built: list[str] = []

    def build(self, script: str, serve: str = _SERVE, ask: str = _ASK, every: str = "1s") -> str:
        """The tag means this from now on."""
        lines = (
            f"FROM {BUSYBOX}",
            f"LABEL {self.docker.label.replace('=', '=', 1)} number={len(self.built)}",
            f"RUN {script}",
            f"HEALTHCHECK --interval={every} --timeout=10s --retries=3 CMD {ask}",
            f'CMD ["sh", "-c", "{serve}"]',
        )
        call("build", "-q", "-t", self.image, "-", text="\n".join(lines), timeout_s=120)
        image = call("image", "inspect", "--format", "{{.Id}}", self.image)
        self.built.append(image)
        return image

    def deploy(self) -> None:
        """What somebody, or something, does."""
        self.compose("up", "-d", "--no-deps", "web")

    def runs(self) -> str:
        """The image by content; "" in the moment in which one has the other's place."""
        status, document = api("GET", f"/containers/{self.container('web')}/json")
        return str(document["Image"]) if status == 200 else ""

    def remove(self) -> None:
        """All of it."""
        self.compose("down", "-v", "-t", "0")
        kept = set(_kept("{{.ID}}"))
        assert not kept & set(self.built), "everything that Everup named was given back"
        for image in self.built:
            call("rmi", "-f", image)


def _kept(word: str = "{{.Repository}}:{{.Tag}}") -> list[str]:
    """All that is kept on this engine, by whichever test (one list: the next has others)."""
    return call("images", "--no-trunc", "--format", word, "everup-kept").split()


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shelves]:
    made = Shelves(docker, f"bad{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.build(_GOOD)
    made.compose("up", "-d")
    yield made
    made.remove()


def _safe_points(engine: Engine, service: str = "web") -> int:
    return len(engine.control.state.service(service).safe_points)


async def _is_kept(engine: Engine) -> None:
    await until(lambda: _safe_points(engine), "what runs is kept to go back to", SLOW_S)


async def _ended(engine: Engine, what: type[Any], patience_s: float = SLOW_S) -> Any:
    async def found() -> list[Any]:
        told = await engine.control.journal.entries(limit=1000)
        return [entry for _, _, entry in told if isinstance(entry, what)]

    deadline_s = asyncio.get_running_loop().time() + patience_s
    while not (there := await found()):
        assert asyncio.get_running_loop().time() < deadline_s, f"no {what.__name__}"
        await asyncio.sleep(0.2)
    return there[-1]


def test_a_bad_deploy_is_undone_once(shop: Shelves, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            before = shop.docker.inspect(shop.container("web"))
            bad = shop.build(_BAD)
            shop.deploy()
            await until(lambda: shop.runs() == bad, "it is rolled out")
            await until(
                lambda: shop.runs() == before["Image"], "what ran before runs again", SLOW_S
            )
            resolved = await _ended(engine, e.IncidentResolved)
            assert "emergency_rollback" in resolved.reason

            after = shop.docker.inspect(shop.container("web"))
            assert after["Name"] == before["Name"]
            assert after["Config"]["Labels"] == before["Config"]["Labels"]
            assert after["Config"]["Env"] == before["Config"]["Env"]
            assert after["HostConfig"]["Binds"] == before["HostConfig"]["Binds"]
            web = after["NetworkSettings"]["Networks"][f"{shop.name}_default"]["Aliases"]
            assert "web" in web
            (done,) = await actions(engine)
            assert (done.step.kind, done.cause) == (
                ActionKind.EMERGENCY_ROLLBACK,
                Cause.BAD_DEPLOY,
            )

            # Compose goes on working, and whoever brings the same again means it.
            await until(
                lambda: len(_ids(shop)) == 1, "the one that was replaced is removed", SLOW_S
            )
            shop.deploy()
            await until(lambda: shop.runs() == bad, "it is rolled out again")
            escalated = await _ended(engine, e.IncidentEscalated)
            assert "the same change came back" in escalated.case
            assert shop.runs() == bad
            assert len(await actions(engine)) == 1

    asyncio.run(story())


def _ids(shop: Shelves) -> list[str]:
    project = f"label=com.docker.compose.project={shop.name}"
    service = "label=com.docker.compose.service=web"
    return call("ps", "-aq", "--filter", project, "--filter", service).split()


def test_no_crash_without_a_change_goes_back(shop: Shelves, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            shop.build(_BAD)  # the tag moves, and nobody deploys it
            before = shop.runs()
            for _ in range(2):
                pid = shop.state("web")["Pid"]
                shop.crash("web")
                await until(partial(_is_another, shop, pid), "it is started", SLOW_S)
                await all_healthy(engine)
            assert {a.step.kind for a in await actions(engine)} == {ActionKind.CONTAINER_RESTART}
            assert shop.runs() == before
            wish = Request(
                Verb.HEAL, "ann", "web", kind=ActionKind.EMERGENCY_ROLLBACK, reason="try"
            )
            answer = await engine.control.request(wish)
            assert (answer.state, answer.check) == (AnswerState.REFUSED, "nothing_to_roll_back")
            assert "nothing has changed" in answer.text

    asyncio.run(story())


def _is_another(shop: Shelves, pid: int) -> bool:
    state = shop.state("web")
    return bool(state["Running"]) and state["Pid"] not in (0, pid)


def test_a_person_goes_back_and_sees_what_differs(shop: Shelves, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            assert not engine.control.state.service("web").safe_points[0].reference, "it observes"
            first = shop.runs()
            text = shop.file.read_text().replace("COLOUR: green", "COLOUR: blue")
            shop.file.write_text(text, encoding="utf-8")
            shop.build(_GOOD + " && echo two >/www/two")
            shop.deploy()
            await until(lambda: _safe_points(engine) == 2, "the new one is safe", 2 * SLOW_S)
            back_to, lines = await engine.control.compare("web")
            assert shop.image in back_to
            assert "env.COLOUR: another value" in lines
            assert not any("green" in line or "blue" in line for line in lines)
            wish = Request(Verb.HEAL, "ann", "web", kind=ActionKind.EMERGENCY_ROLLBACK)
            answer = await engine.control.request(wish)
            assert answer.state is AnswerState.ACCEPTED, answer.text
            await until(lambda: shop.runs() == first, "it went back", SLOW_S)
            ended = await _ended(engine, e.Verified)
            assert ended.has_passed, ended.reason

    asyncio.run(story())


def test_a_slower_image_goes_back_though_its_check_passes(shop: Shelves, tmp_path: Path) -> None:
    async def story() -> None:
        shop.build(_PAGE.format(takes_s=0.05), ask=_ASK_PAGE, every="200ms")
        shop.deploy()
        async with watched(shop, tmp_path, time_scale=0.2, environ=BUSY) as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            first = shop.runs()
            await asyncio.sleep(BASELINE_S)
            slow = shop.build(_PAGE.format(takes_s=0.45), ask=_ASK_PAGE, every="200ms")
            shop.deploy()
            await until(lambda: shop.runs() == slow, "it is rolled out")
            await until(lambda: shop.runs() == first, "what ran before runs again", SLOW_S)
            worse = await _ended(engine, e.RegressionSeen)
            assert "latency" in worse.reason
            ended = await _ended(engine, e.ProbationEnded)
            assert ended.ending is ProbationEnding.ROLLED_BACK
            assert ended.evidence

    asyncio.run(story())


def test_what_dies_at_once_goes_back_after_three_deaths(shop: Shelves, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            first = shop.runs()
            shop.build(_GOOD, serve="exit 3")
            shop.file.write_text(
                shop.file.read_text().replace(
                    "stop_grace_period: 1s\n    volumes",
                    "stop_grace_period: 1s\n    restart: always\n    volumes",
                )
            )
            shop.deploy()
            await until(lambda: shop.runs() == first, "it went back", SLOW_S)
            resolved = await _ended(engine, e.IncidentResolved)
            assert "emergency_rollback" in resolved.reason

    asyncio.run(story())


def test_what_keeps_data_never_goes_back_by_itself(docker: Docker, tmp_path: Path) -> None:
    shop = Shelves(docker, f"data{abs(hash(tmp_path)) % 10**8}", tmp_path, stateful=True)
    shop.build(_GOOD)
    shop.compose("up", "-d")

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _is_kept(engine)
            bad = shop.build(_BAD)
            shop.deploy()
            await until(lambda: shop.runs() == bad, "it is rolled out")
            opened = await _ended(engine, e.IncidentOpened)
            assert opened.cause is not Cause.BAD_DEPLOY
            await asyncio.sleep(10)
            kinds = {a.step.kind for a in await actions(engine)}
            assert ActionKind.EMERGENCY_ROLLBACK not in kinds
            assert shop.runs() == bad

    try:
        asyncio.run(story())
    finally:
        shop.remove()
