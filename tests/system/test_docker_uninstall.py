"""Everup goes: what it holds is given back, what it made is removed, and the project runs on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from everup.app import leaving
from everup.app.leaving import Home
from everup.cli.verbs import app
from everup.loop.pins import reference_of
from everup.model.stack import Limits
from everup.runtimes.docker import create
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from everup.runtimes.docker.runtime import DockerRuntime
from tests.contract.process_lab import WallClock
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_recreator import settings, stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

STAYS = "trap 'exit 0' TERM; sleep 100000 & wait"
TAG = "kept"


@pytest.fixture
def web(docker: Docker) -> Iterator[str]:
    """The name of a project with one service, whose container has a network of its own."""
    project, network = docker.name("leave"), docker.network("leave")
    labels = [f"{PROJECT}={project}", f"{SERVICE}=web", f"{NUMBER}=1"]
    marks = [part for label in labels for part in ("--label", label)]
    options = [*marks, "--network", network, "--network-alias", "shop", "--memory", "64m"]
    docker.run(BUSYBOX, "sh", "-c", STAYS, name=f"{project}_web_1", options=options)
    yield project
    for left in containers(project):
        call("rm", "-f", left)
    call("network", "rm", network)
    call("rmi", f"{project}:{TAG}") if call("images", "-q", f"{project}:{TAG}") else None


def containers(project: str) -> list[str]:
    return call("ps", "-aq", "--filter", f"label={PROJECT}={project}").split()


async def leave_things(project: str, folder: Path) -> None:
    """An Everup that held all it can hold, and was killed."""
    runtime: DockerRuntime = await create(stack(project), folder, WallClock(), settings())
    await runtime.pin_image("web", f"{project}:{TAG}")
    await runtime.set_instances("web", 2)
    await runtime.recreate("web", grace_s=1.0)
    await runtime.isolate("web")
    await runtime.lose()


def test_what_is_held_and_made_goes_and_the_project_runs(
    docker: Docker, web: str, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    before = docker.inspect(f"{web}_web_1")
    asyncio.run(leave_things(web, folder))
    assert len(containers(web)) >= 3
    home = Home(folder)
    plan = asyncio.run(leaving.survey(home, keeps_evidence=False))
    assert any("given back" in line for line in plan.goes)
    assert any(f"{web}:{TAG}" in line for line in plan.goes)
    assert len(containers(web)) >= 3, "a survey changes nothing"

    parting = asyncio.run(leaving.leave(home, keeps_evidence=False))
    assert parting.is_whole, parting.stays
    assert not folder.exists()
    (left,) = containers(web)
    after = docker.inspect(left)
    assert after["State"]["Running"]
    assert after["Name"] == before["Name"]
    assert after["HostConfig"]["Memory"] == before["HostConfig"]["Memory"]
    (end,) = after["NetworkSettings"]["Networks"].values()
    assert "shop" in end["Aliases"]
    assert call("images", "-q", f"{web}:{TAG}") == ""
    assert call("images", "-q", BUSYBOX) != "", "the image itself stays"
    again = asyncio.run(leaving.leave(home, keeps_evidence=False))
    assert again.is_whole


def test_the_name_goes_from_an_image_that_has_no_other(
    docker: Docker, web: str, tmp_path: Path
) -> None:
    folder, reference = tmp_path / "state", reference_of(web, "web", "1:a")
    image = docker.inspect(f"{web}_web_1")["Image"]
    other = call("commit", f"{web}_web_1", f"{web}:{TAG}")  # as a newer build leaves the older one

    async def story() -> None:
        runtime: DockerRuntime = await create(stack(web), folder, WallClock(), settings())
        await runtime.pin_image("web", reference)
        await runtime.lose()

    asyncio.run(story())
    call("tag", other, reference)
    pinned = folder / "docker" / "pinned"
    (note,) = pinned.glob("*.json")
    note.write_text(note.read_text().replace(image, other))
    call("rmi", f"{web}:{TAG}")
    parting = asyncio.run(leaving.leave(Home(folder), keeps_evidence=False))
    assert parting.is_whole, parting.stays
    assert call("images", "-q", reference) == ""
    assert call("images", "-qa", "--no-trunc").split().count(other) == 1, "the image stays"
    call("rmi", other)


def test_a_limit_where_none_was_declared_is_named_as_what_stays(
    docker: Docker, web: str, tmp_path: Path
) -> None:
    folder, name = tmp_path / "state", f"{web}_web_1"

    async def story() -> None:
        runtime: DockerRuntime = await create(stack(web), folder, WallClock(), settings())
        await runtime.set_limits("web", Limits(cpus=0.5))
        await runtime.lose()

    asyncio.run(story())
    assert docker.inspect(name)["HostConfig"]["NanoCpus"] == 500_000_000
    arguments = ["uninstall", "--state-dir", str(folder), "--project", web, "--yes"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.output.count(f"stays: web: {name} had no limit of processors") == 2
    assert "as declared again" not in result.output
    machine = int(json.loads(call("info", "--format", "{{json .NCPU}}")))
    assert docker.inspect(name)["HostConfig"]["NanoCpus"] == machine * 10**9
    assert not folder.exists()


def test_with_the_engine_down_what_is_held_stays_noted(
    docker: Docker, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    asyncio.run(leave_things(web, folder))
    runner, arguments = CliRunner(), ["uninstall", "--state-dir", str(folder), "--project", web]
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        result = runner.invoke(app, [*arguments, "--yes"])
    assert result.exit_code == 1
    assert "still held: web" in result.output
    assert "everup uninstall once more" in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["docker"]

    result = runner.invoke(app, arguments)
    assert result.exit_code == 2, "nobody can be asked here"
    result = runner.invoke(app, [*arguments, "--yes"])
    assert result.exit_code == 0, result.output
    assert not folder.exists()
    assert len(containers(web)) == 1
    result = runner.invoke(app, [*arguments, "--yes"])
    assert (result.exit_code, "nothing of Everup" in result.output) == (0, True)


def test_where_another_everup_watches_nothing_is_taken_from_under_it(
    docker: Docker, web: str, tmp_path: Path
) -> None:
    asyncio.run(leave_things(web, tmp_path / "a"))

    async def story() -> leaving.Parting:
        other = await create(stack(web), tmp_path / "b", WallClock(), settings())
        try:
            return await leaving.leave(Home(tmp_path / "a"), keeps_evidence=False)
        finally:
            await other.close()

    parting = asyncio.run(story())
    assert not parting.is_whole
    assert any("another Everup watches" in line for line in parting.stays)
    kept = json.loads(next((tmp_path / "a" / "docker" / "pinned").glob("*.json")).read_text())
    assert kept["service"] == "web"
    assert asyncio.run(leaving.leave(Home(tmp_path / "a"), keeps_evidence=False)).is_whole
