"""A corrupt mounted file on real containers: put back where allowed, asked about where not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause
from everup.model.request import AnswerState, Request, Verb
from everup.model.version import only_files_differ
from tests.docker_engine import BUSYBOX, Docker, api
from tests.system.docker_stack import Shop, actions, all_healthy, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SLOW_S = 120.0  # of a machine that does much else
_SERVE = (
    "trap 'exit 0' TERM; [ $$MODE = plain ] || exit 5; "
    "head -c 24000000 /dev/zero | tail | wc -c | grep -q 24000000 || exit 6; "
    ". /etc/app/app.conf || exit 3; . /etc/app/parts.d/one.conf || exit 4; "
    "mkdir -p /www; echo $$GREETING >/www/health; httpd -f -p 8080 -h /www & wait"
)
COMPOSE = """
version: "2.4"
services:
  web:
    image: {busybox}
    command: ["sh", "-c", "{serve}"]
    environment: {{MODE: plain}}
    restart: {restart}
    mem_limit: 64m
    memswap_limit: 64m
    stop_grace_period: 1s
    volumes:
      - ./app.conf:/etc/app/app.conf:ro
      - ./parts.d:/etc/app/parts.d:ro
      - ./data:/data
    labels: {{everup.stateful: "false"{labels}}}
    healthcheck:
      test: ["CMD-SHELL", "wget -q -O - http://127.0.0.1:8080/health | grep -q hello"]
      interval: 1s
      timeout: 5s
      retries: 3
"""
GOOD, BROKEN = "GREETING=hello\n", "GREETING=(((\n"


class Mounted(Shop):
    """A project whose `web` reads a file, and a folder of parts, of the host."""

    def __init__(
        self, docker: Docker, word: str, folder: Path, labels: str = "", restart: str = '"no"'
    ) -> None:
        text = COMPOSE.format(busybox=BUSYBOX, serve=_SERVE, labels=labels, restart=restart)
        super().__init__(docker, word, folder, text)
        self.conf, self.part = folder / "app.conf", folder / "parts.d/one.conf"
        self.part.parent.mkdir()
        (folder / "data").mkdir()
        self.conf.write_text(GOOD)
        self.conf.chmod(0o640)
        os.chown(self.conf, 12345, 23456)
        self.part.write_text("PART=one\n")
        self.compose("up", "-d")

    def restart(self) -> None:
        """What somebody does after editing."""
        self.do("restart", "web", "-t", "1")

    def id(self) -> str:
        """Of its container."""
        return str(self.docker.inspect(self.container("web"))["Id"])

    def broken(self) -> list[Path]:
        """Kept beside, or in Everup's state folder."""
        return sorted(self.file.parent.rglob("*.everup-broken-*"))


ALLOWED = ', everup.restore_files: "true"'


@pytest.fixture
def word(tmp_path: Path) -> str:
    return f"file{abs(hash(tmp_path)) % 10**8}"


@pytest.fixture
def allowed(docker: Docker, word: str, tmp_path: Path) -> Iterator[Mounted]:
    made = Mounted(docker, word, tmp_path, ALLOWED)
    yield made
    made.compose("down", "-v", "-t", "0")


async def _kept(engine: Engine, count: int = 1) -> None:
    def is_kept() -> bool:
        return len(engine.control.state.service("web").safe_points) == count

    await until(is_kept, "what runs is kept to go back to", SLOW_S)


async def _resolved_by_rollback(engine: Engine) -> e.IncidentResolved:
    deadline_s = asyncio.get_running_loop().time() + SLOW_S
    while not (found := await told(engine, e.IncidentResolved)):
        if asyncio.get_running_loop().time() > deadline_s:
            entries = await engine.control.journal.entries(limit=1000)
            raise AssertionError("\n".join(str(entry)[:400] for _, _, entry in entries[-40:]))
        await asyncio.sleep(0.2)
    assert "emergency_rollback" in found[-1].reason
    return found[-1]


def test_a_corrupt_file_is_put_back_in_place(allowed: Mounted, tmp_path: Path) -> None:
    shop = allowed

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            before, container = shop.conf.stat(), shop.id()
            shop.conf.write_text(BROKEN)
            shop.restart()
            await _resolved_by_rollback(engine)
            after = shop.conf.stat()
            assert shop.conf.read_text() == GOOD
            assert (after.st_ino, after.st_uid, after.st_gid, after.st_mode) == (
                before.st_ino,
                12345,
                23456,
                before.st_mode,
            )
            assert shop.id() == container, "nothing but a file differed: no other container"
            (broken,) = shop.broken()
            assert (broken.parent, broken.read_text()) == (shop.conf.parent, BROKEN)
            assert (broken.stat().st_uid, broken.stat().st_mode) == (12345, before.st_mode)
            done = [a for a in await actions(engine) if a.cause is Cause.BAD_DEPLOY]
            assert [a.step.kind for a in done] == [ActionKind.EMERGENCY_ROLLBACK]
            seen = [x for x in await told(engine, e.VersionSeen) if x.before]
            assert only_files_differ(seen[0].version, seen[0].before)
            changed_s = next(x for x in seen if x.version == seen[0].version).at_s
            assert abs(changed_s - broken_changed_s(broken)) < 30

    def broken_changed_s(path: Path) -> float:
        return path.stat().st_ctime

    asyncio.run(story())


def test_a_corrupt_part_goes_and_one_that_is_gone_comes_back(
    docker: Docker, word: str, tmp_path: Path
) -> None:
    """Under an engine that starts it again and again."""
    shop = Mounted(docker, word, tmp_path, ALLOWED, restart="always")

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            shop.part.unlink()
            (shop.part.parent / "two.conf").write_text("((( nobody reads this\n")
            shop.restart()
            await _resolved_by_rollback(engine)
            assert shop.part.read_text() == "PART=one\n"
            assert sorted(os.listdir(shop.part.parent)) == ["one.conf"], "no other file lies there"
            (broken,) = shop.broken()
            assert broken.is_relative_to(tmp_path / "state"), "who reads a folder reads all of it"
            assert "nobody reads this" in broken.read_text()

    try:
        asyncio.run(story())
    finally:
        shop.compose("down", "-v", "-t", "0")


def test_where_it_is_not_allowed_a_person_is_asked(
    docker: Docker, word: str, tmp_path: Path
) -> None:
    shop = Mounted(docker, word, tmp_path)

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            shop.conf.write_text(f"PASSWORD=hunter2\n{BROKEN}")
            shop.restart()
            state = engine.control
            await until(lambda: state.state.approvals, "a person is asked", SLOW_S)
            (asked,) = state.state.approvals.values()
            assert "configuration files" in asked.reason
            assert any("+GREETING=hello" in line for line in asked.differs), asked.differs
            assert any("-PASSWORD=" in line for line in asked.differs)
            assert not any("hunter2" in line for line in asked.differs)
            await asyncio.sleep(3)
            assert BROKEN in shop.conf.read_text(), "nothing is written before that"
            assert not shop.broken()
            word = Request(Verb.APPROVE, "ann", "web", approval_id=asked.id)
            assert (await engine.control.request(word)).state is AnswerState.DONE
            await _resolved_by_rollback(engine)
            assert shop.conf.read_text() == GOOD
            assert len(shop.broken()) == 1

    try:
        asyncio.run(story())
    finally:
        shop.compose("down", "-v", "-t", "0")


def test_what_a_service_writes_itself_makes_no_version(allowed: Mounted, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(allowed, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            for n in range(5):
                (tmp_path / "data" / "log").write_text(f"{n}")
                await asyncio.sleep(0.5)
            assert len(await told(engine, e.VersionSeen)) == 1
            captured = await engine.control.runtime.capture("web")
            assert [Path(f.path).name for f in captured.files] == ["app.conf", "one.conf"]
            (compose,) = [f for f in await engine.control.runtime.stack_files() if f.content]
            assert compose.path == str(allowed.file)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("good", "bad"),
    [("MODE: plain", "MODE: other"), ("limit: 64m", "limit: 8m")],
    ids=["variable", "limit"],
)
def test_what_somebody_deploys_wrongly_goes_back(
    allowed: Mounted, tmp_path: Path, good: str, bad: str
) -> None:
    shop = allowed

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            before = shop.docker.inspect(shop.container("web"))
            shop.file.write_text(shop.file.read_text().replace(good, bad))
            shop.compose("up", "-d", "web")
            await _resolved_by_rollback(engine)
            after = shop.docker.inspect(shop.container("web"))
            assert after["Config"]["Env"] == before["Config"]["Env"]
            assert after["HostConfig"]["Memory"] == 64 << 20
            assert not shop.broken(), "no file was touched"

    asyncio.run(story())


def test_a_limit_lowered_while_it_runs_goes_back(allowed: Mounted, tmp_path: Path) -> None:
    shop = allowed

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            await _kept(engine)
            before_s = engine.control.clock.now()
            api(
                "POST",
                f"/containers/{shop.container('web')}/update",
                {"Memory": 6 << 20, "MemorySwap": 6 << 20},
            )
            await until(lambda: engine.control.state.service("web").changed_at_s > before_s, "seen")
            wish = Request(Verb.HEAL, "ann", "web", kind=ActionKind.EMERGENCY_ROLLBACK)
            _, lines = await engine.control.compare("web")
            assert any("Memory: 6291456 → 67108864" in line for line in lines), lines
            assert (await engine.control.request(wish)).state is AnswerState.ACCEPTED

            def limit() -> int:
                status, document = api("GET", f"/containers/{shop.container('web')}/json")
                return int(document["HostConfig"]["Memory"]) if status == 200 else 0

            await until(lambda: limit() == 64 << 20, "it has its limit again", SLOW_S)

    asyncio.run(story())
