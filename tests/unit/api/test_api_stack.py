"""GET /stack: what was declared, what runs, and no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.api.secrets import masked_env, masked_words
from everup.model.kinds import ActionKind, InstanceState, Mode
from everup.model.observation import (
    Exit,
    Instance,
    InstanceObservation,
    Observation,
    ServiceObservation,
)
from everup.model.stack import HookSpec, ProbeSpec, ServiceSpec
from everup.model.window import Window
from tests.unit.api.fakes import NAN, STACK, FakeEngine

SPEC = ServiceSpec(
    "api",
    command=("python", "-m", "api", "--password", "hunter2", "--dsn=postgres://me:hunter2@db/x"),
    env={"LEVEL": "info", "API_TOKEN": "hunter2", "DSN": "redis://u:hunter2@r/0"},
    probe=ProbeSpec(http="http://127.0.0.1:1/health?token=hunter2"),
    hooks={"busy": HookSpec(command=("sh", "-c", "PGPASSWORD=hunter2 psql"))},
    mode=Mode.APPROVE,
    modes={ActionKind.RECREATE: Mode.OBSERVE},
)


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    control = made.control
    services = {**STACK.services, "api": replace(SPEC, depends_on=STACK.services["api"].depends_on)}
    window = Window(60, 120, (5, 6))
    control.stack = replace(
        STACK, services=services, digest="abc", maintenance=(window,), quiet_hours=(window,)
    )
    dead = Instance("api", "api-1", "x", InstanceState.EXITED, exit=Exit(1.0, 3))
    seen = ServiceObservation("api", (InstanceObservation(dead, memory_ratio=NAN),))
    assert control.look is not None
    control.look = replace(control.look, observation=Observation(110.0, {"api": seen}))
    return made


def test_it_says_what_was_declared_and_what_runs(client: TestClient) -> None:
    body = client.get("/stack").json()
    assert (body["name"], body["digest"], body["mode"], body["at_s"]) == (
        "shop",
        "abc",
        "auto",
        110.0,
    )
    assert [window["from_minute"] for window in body["maintenance"]] == [60]
    assert [window["from_minute"] for window in body["quiet_hours"]] == [60]
    api = next(service for service in body["services"] if service["name"] == "api")
    assert [(edge["target"], edge["kind"], edge["source"]) for edge in api["depends_on"]] == [
        ("redis", "hard", "declared")
    ]
    (instance,) = api["instances"]
    assert (instance["state"], instance["exit"]) == ("exited", "exited with 3")
    assert instance["memory_ratio"] is None
    assert api["is_known"]
    assert api["declared"]["memory_bytes"] is None
    assert api["declared"]["health_threshold"] == 0.7


def test_modes_are_those_that_apply(client: TestClient) -> None:
    services = {service["name"]: service for service in client.get("/stack").json()["services"]}
    assert services["api"]["modes"]["recreate"] == "observe"
    assert services["api"]["modes"]["graceful_restart"] == "approve"
    assert services["redis"]["modes"]["graceful_restart"] == "auto"
    assert "start" not in services["redis"]["modes"]


def test_the_runtime_says_what_it_can_and_why_not(client: TestClient) -> None:
    assert client.get("/stack").json()["runtime"] == {
        "name": "fake",
        "can": ["list", "start"],
        "cannot": {"isolate": "nothing to cut"},
        "notes": {},
    }


@pytest.mark.parametrize("query", ["", "?env=true"])
def test_no_secret_goes_out(client: TestClient, query: str) -> None:
    assert "hunter2" not in client.get(f"/stack{query}").text


def test_values_of_variables_are_shown_only_when_asked_for(client: TestClient) -> None:
    def env(query: str) -> object:
        services = client.get(f"/stack{query}").json()["services"]
        return next(s["declared"]["env"] for s in services if s["name"] == "api")

    assert env("") == {"LEVEL": None, "API_TOKEN": None, "DSN": None}
    assert env("?env=true") == {"LEVEL": "info", "API_TOKEN": "•••", "DSN": "redis://u:•••@r/0"}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["run", "--token", "x", "y"], ["run", "--token", "•••", "y"]),
        (["run", "--token", "--quiet"], ["run", "--token", "--quiet"]),
        (["run", "--api-key=x"], ["run", "--api-key=•••"]),
        (["env", "SECRET=x", "run"], ["env", "SECRET=•••", "run"]),
        (["sh", "-c", "run --password x --port 1"], ["sh", "-c", "run --password ••• --port 1"]),
        (["curl", "http://a/b?token=x&n=1"], ["curl", "http://a/b?token=•••&n=1"]),
        (["curl", "-H", "X-Api-Key: x"], ["curl", "-H", "X-Api-Key: •••"]),
        (["run", "--port", "1", "a=b"], ["run", "--port", "1", "a=b"]),
    ],
)
def test_words_of_commands_are_masked(words: list[str], shown: list[str]) -> None:
    assert masked_words(words) == shown


def test_an_empty_environment_is_empty() -> None:
    assert masked_env({}) == {}
