"""deploy/compose.yaml on the real engine: twelve services with real stores, and Everup."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.demo.stack.topology import BY_NAME
from tests.docker_engine import Docker, call, wait_until
from tests.ports import free_port
from tests.system.compose_project import (
    DEPLOY,
    LOCAL_IMAGES,
    SERVICE,
    Project,
    answers,
    ask,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first one builds the images

# Some 35 and 8 s on a quiet machine.
ALL_SEEN_WITHIN_S = 240.0
HEALED_WITHIN_S = 120.0


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def environment(everup_image: str, stack_image: str, port: int) -> dict[str, str]:
    return {
        **LOCAL_IMAGES,
        "EVERUP_IMAGE": everup_image,
        "STACK_IMAGE": stack_image,
        "EVERUP_PUBLISH": f"127.0.0.1:{port}",
        "CHECK_INTERVAL": "5s",
        "CHECK_START_PERIOD": "120s",
    }


@pytest.fixture
def stack(docker: Docker, environment: dict[str, str]) -> Iterator[Project]:
    files = [DEPLOY / "compose.yaml"]
    made = Project(docker, "reference", files, {**environment, "EVERUP_MODE": "auto"})
    try:
        made.up()
        yield made
    finally:
        made.compose("down", "-v", "-t", "0")


def test_all_of_it_is_seen_works_and_a_crash_is_healed(stack: Project, port: int) -> None:
    here = f"http://localhost:{port}"
    answers(here)

    def all_healthy() -> bool:
        scores = ask(f"{here}/health-scores")[1].get("services", {})
        return set(scores) == set(BY_NAME) and all(
            one["condition"] == "healthy" for one in scores.values()
        )

    wait_until(all_healthy, ALL_SEEN_WITHIN_S, "twelve healthy services")
    edges = ask(f"{here}/dependencies")[1]["edges"]
    critical = {(edge["service"], edge["target"]) for edge in edges if edge["is_critical"]}
    assert len(edges) >= 30
    assert len(critical) == 8
    assert {("api", name) for name in ("postgres", "redis", "qdrant", "ollama")} <= critical
    declared = {(n, d.target, d.kind) for n, one in BY_NAME.items() for d in one.needs}
    assert {(edge["service"], edge["target"], edge["kind"]) for edge in edges} == declared

    # It is a stack at work, not twelve processes that answer a probe.
    working = "curl -sf http://127.0.0.1:3000/work && curl -sf 'http://127.0.0.1:3000/ask?q=well'"
    assert '"answer"' in call("exec", stack.container("webui"), "sh", "-c", working)

    victim = stack.container("perception-service")
    before = stack.state("perception-service")
    os.kill(int(before["Pid"]), signal.SIGKILL)
    wait_until(
        lambda: (
            stack.state("perception-service")["StartedAt"] != before["StartedAt"]
            and stack.is_healthy("perception-service")
        ),
        HEALED_WITHIN_S,
        f"{victim} is well again",
    )
    # Of this one alone: where the host is saturated, others' own healthchecks may fail too.
    done = ask(f"{here}/actions?service=perception-service")[1]["actions"]
    assert [one["kind"] for one in done] == ["container_restart"]


@pytest.fixture
def observing(docker: Docker, environment: dict[str, str]) -> Iterator[Project]:
    files = [DEPLOY / "compose.yaml", DEPLOY / "compose.observe.yaml"]
    made = Project(docker, "observing", files, {**environment, "EVERUP_MODE": "auto"})
    try:
        made.up(SERVICE)
        yield made
    finally:
        made.compose("down", "-v", "-t", "0")


def test_behind_the_observing_door_it_stands_alone_and_may_only_look(
    observing: Project, port: int
) -> None:
    """Whatever mode somebody asks for. The host needs no token there either."""
    here = f"http://localhost:{port}"
    answers(here)
    assert ask(f"{here}/health")[1]["mode"] == "observe"
    assert ask(f"{here}/health-scores") == (200, ask(f"{here}/health-scores")[1])
    container = observing.docker.inspect(observing.container(SERVICE))
    sources = {mount["Source"] for mount in container["Mounts"]}
    assert not any(source.endswith("docker.sock") for source in sources)
    refused = "curl -s -o /dev/null -w '%{http_code}' -X POST http://engine-door:2375/containers/"
    name = observing.container(SERVICE)
    assert call("exec", name, "sh", "-c", f"{refused}{name}/kill") == "403"

    observing.up("ollama")
    wait_until(
        lambda: set(ask(f"{here}/health-scores")[1].get("services", {})) == {"ollama"},
        ALL_SEEN_WITHIN_S,
        "a service that came later",
    )


def test_the_file_says_what_the_topology_says(tmp_path: Path) -> None:
    """Names and limits; edges are compared above, as Everup sees them."""
    import yaml

    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {*BY_NAME, SERVICE}
    for name, profile in BY_NAME.items():
        assert services[name]["mem_limit"] == f"{profile.memory_mib}m"
        assert services[name]["cpus"] == profile.cpus
        assert services[name]["labels"]["everup.priority"] == str(profile.priority)
        assert "test" in services[name]["healthcheck"]
        assert "ports" not in services[name]
    assert services["api"]["scale"] == 2
    assert services["api"]["labels"]["everup.min_instances"] == "2"
