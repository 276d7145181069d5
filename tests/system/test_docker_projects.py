"""Three Compose projects as people write them: found, drawn as they are, healed, left as before.

Nothing is configured but `--mode auto`. The media stack is healed in mode observe: its autoheal
labels are the consent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.app import Engine, leaving
from everup.cli.events import line
from everup.cli.verbs import app
from everup.model.kinds import ActionKind, Condition
from tests.docker_engine import Docker, call
from tests.system.docker_stack import Shop, actions, condition, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

ASKED_MOST = 3
PROJECTS = Path(__file__).parent / "projects"


@contextmanager
def running(docker: Docker, folder: Path, word: str) -> Iterator[Shop]:
    """The project, as `docker-compose up -d` of its file leaves it."""
    made = Shop(docker, word, folder)
    made.file.write_text(
        (PROJECTS / f"{word}.yaml").read_text("utf-8").replace("${PREFIX}", made.name), "utf-8"
    )
    made.compose("up", "-d")
    try:
        yield made
    finally:
        made.compose("down", "-v", "-t", "0")


def drawn(shop: Shop) -> dict[str, Any]:
    """What `everup check` shows of it. The engine has tests beside this one to serve."""
    for _ in range(ASKED_MOST):
        result = CliRunner().invoke(app, ["check", "--project", shop.name, "--json"])
        if "gave no answer" not in result.output:
            break
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def edges(summary: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    return {(e["service"], e["target"]): (e["kind"], e["source"]) for e in summary["edges"]}


def shapes(shop: Shop) -> dict[str, Any]:
    """Every container without what a restart changes."""
    label = f"label=com.docker.compose.project={shop.name}"
    found = {}
    for container in call("ps", "-aq", "--no-trunc", "--filter", label).split():
        document = shop.docker.inspect(container)
        networks = document["NetworkSettings"]["Networks"]
        found[document["Name"]] = {
            "id": document["Id"],
            "image": document["Image"],
            "config": document["Config"],
            "host": document["HostConfig"],
            "mounts": sorted(document["Mounts"], key=lambda mount: str(mount["Destination"])),
            "networks": {
                name: (sorted(end["Aliases"] or ()), end["IPAMConfig"], end["Links"])
                for name, end in networks.items()
            },
        }
    return found


def left_as_before(shop: Shop, folder: Path, before: Mapping[str, Any]) -> None:
    home = leaving.Home(folder / "state")
    assert home.name == shop.name
    parting = asyncio.run(leaving.leave(home, keeps_evidence=False))
    assert parting.is_whole, parting.stays
    assert not home.folder.exists()
    assert shapes(shop) == before


@asynccontextmanager
async def told(engine: Engine) -> AsyncIterator[None]:
    """A failure comes with what the journal tells."""
    try:
        yield
    except AssertionError as error:
        entries = await engine.control.journal.entries(limit=1000)
        lines = [said for _, _, entry in entries if (said := line(entry))]
        raise AssertionError("\n".join([str(error), *lines])) from error


def are_reachable(shop: Shop, *tenants: str) -> bool:
    """Do they hear the tunnel on what is their own loopback? Blocks."""
    ask = ["wget", "-qO-", "http://127.0.0.1:8000/"]
    try:
        return all(call("exec", shop.container(t), *ask) == "up" for t in tenants)
    except AssertionError:
        return False


def test_a_tunnel_and_who_lives_on_its_network(docker: Docker, tmp_path: Path) -> None:
    with running(docker, tmp_path, "vpn") as shop:
        before, summary = shapes(shop), drawn(shop)
        assert summary["services"] == ["indexer", "torrent", "vpn"]
        assert edges(summary)["torrent", "vpn"][0] == "hard"
        assert edges(summary)["indexer", "vpn"][0] == "hard"
        assert set(edges(summary)) == {("torrent", "vpn"), ("indexer", "vpn")}
        assert summary["stateful"] == ["torrent"]
        assert summary["one_shots"] == []

        async def story() -> None:
            async with watched(shop, tmp_path) as engine, told(engine):
                await until(
                    lambda: condition(engine, "torrent") is Condition.HEALTHY, "all well", 60
                )
                shop.crash("vpn")  # its policy brings it back, and its tenants are cut off

                await until(lambda: shop.state("vpn")["Running"], "the tunnel is back")
                began_s = asyncio.get_running_loop().time()
                while not await asyncio.to_thread(are_reachable, shop, "torrent", "indexer"):
                    assert asyncio.get_running_loop().time() < began_s + 80, "still cut off"
                    await asyncio.sleep(0.5)
                targets = [action.step.target for action in await actions(engine)]
                assert sorted(targets) == ["indexer", "torrent"]

        asyncio.run(story())
        left_as_before(shop, tmp_path, before)


def test_a_shop_with_a_database_a_cache_and_a_migration(docker: Docker, tmp_path: Path) -> None:
    with running(docker, tmp_path, "shop") as shop:
        before, summary = shapes(shop), drawn(shop)
        assert summary["services"] == ["cache", "db", "migrate", "web", "worker"]
        seen = edges(summary)
        assert {pair for pair, (kind, _) in seen.items() if kind == "hard"} >= {
            ("migrate", "db"),
            ("web", "db"),
            ("web", "cache"),
            ("worker", "cache"),
        }
        assert "DATABASE_URL" in seen["web", "db"][1]
        assert "REDIS_URL" in seen["worker", "cache"][1]
        assert summary["one_shots"] == ["migrate"]
        assert summary["stateful"] == ["db"]
        assert summary["coverage"] == {"judged": 3, "lasting": 4}

        async def story() -> None:
            async with watched(shop, tmp_path) as engine, told(engine):
                await until(lambda: condition(engine, "web") is Condition.HEALTHY, "all well", 60)
                shop.crash("db")
                await until(lambda: shop.state("db")["Running"], "the database is started", 20)
                await until(
                    lambda: condition(engine, "web") is Condition.HEALTHY, "web is well", 60
                )
                started = shop.state("cache")["StartedAt"]
                shop.do("kill", "cache", "-s", "STOP")
                await until(
                    lambda: shop.state("cache")["StartedAt"] != started, "a hang is ended", 60
                )
                await until(
                    lambda: condition(engine, "cache") is Condition.HEALTHY, "it is healed", 60
                )
                done = [(a.step.target, a.step.kind) for a in await actions(engine)]
                assert [target for target, _ in done] == ["db", "cache"], "a victim was touched"
                assert done[0][1] is ActionKind.CONTAINER_RESTART

        asyncio.run(story())
        left_as_before(shop, tmp_path, before)


def test_a_media_stack_whose_labels_are_autoheals(docker: Docker, tmp_path: Path) -> None:
    with running(docker, tmp_path, "media") as shop:
        before, summary = shapes(shop), drawn(shop)
        assert summary["services"] == ["bazarr", "jellyfin", "sonarr"]
        assert set(edges(summary)) == {("bazarr", "sonarr")}
        assert "SONARR_URL" in edges(summary)["bazarr", "sonarr"][1]
        assert summary["stateful"] == ["jellyfin"]
        assert summary["coverage"] == {"judged": 2, "lasting": 3}
        sonarr = f"{shop.name}-sonarr"

        async def story() -> None:
            async with watched(shop, tmp_path, mode="observe") as engine, told(engine):
                await until(
                    lambda: condition(engine, "sonarr") is Condition.HEALTHY, "all well", 60
                )
                call("exec", sonarr, "rm", "/www/health")  # it runs, and its check fails
                started = docker.inspect(sonarr)["State"]["StartedAt"]
                await until(
                    lambda: docker.inspect(sonarr)["State"]["StartedAt"] != started,
                    "the label is the consent to restart it",
                )
                await until(
                    lambda: condition(engine, "sonarr") is Condition.HEALTHY, "it is well", 60
                )
                targets = [action.step.target for action in await actions(engine)]
                assert targets == ["sonarr"]

        asyncio.run(story())
        left_as_before(shop, tmp_path, before)
