"""Everup begins anew over what became something else, and not over what changes by itself."""

from __future__ import annotations

from typing import Any

import pytest

from everup.app import discover
from everup.app.newcomers import beyond, changed
from everup.config import Loaded, load_without_file
from everup.runtimes.docker.discovery import Discovered
from tests.unit.runtimes.docker.discovery.worlds import document

DATA = {"Type": "volume", "Name": "data", "Destination": "/data", "RW": True}
ENDED = {
    "Status": "exited",
    "ExitCode": 0,
    "StartedAt": "2026-01-02T03:04:06Z",
    "FinishedAt": "2026-01-02T03:04:09Z",
}


def read(*documents: dict[str, Any]) -> tuple[Loaded, Discovered]:
    found = discover.understand("unix:///x", list(documents), {})
    return discover.load(found, found.named("shop"), load_without_file({}))


def now_changed(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> tuple[str, ...]:
    loaded, seen = read(*now)
    return changed(loaded, read(*before)[0], seen)


DB = document("db")


@pytest.mark.parametrize(
    "another",
    [
        {"mounts": (DATA,)},
        {"labels": {"everup.freeze": "true"}},
        {"labels": {"everup.mode": "observe"}},
        {"labels": {"everup.enable": "false"}},
        {"labels": {"everup.freze": "true"}},
        {"env": {"DB_HOST": "db"}},
        {"image": "postgres:16"},
        {"config": {"Healthcheck": {"Test": ["CMD", "true"]}}},
        {"config": {"StopTimeout": 60}},
    ],
)
def test_what_became_something_else(another: dict[str, Any]) -> None:
    assert now_changed([DB, document("web")], [DB, document("web", **another)]) == ("web",)


def test_a_manager_takes_over_all_of_it() -> None:
    managed = document("web", labels={"com.docker.swarm.task.id": "x"})
    assert now_changed([DB, document("web")], [DB, managed]) == ("db", "web")


@pytest.mark.parametrize(
    "same",
    [
        [document("web", image="app:2", env={"RELEASE": "2"})],
        [document("web", host={"Memory": 1 << 28})],
        [document("web"), document("web", number=2)],
        [document("web", state=ENDED)],
        [],
    ],
)
def test_what_changes_by_itself(same: list[dict[str, Any]]) -> None:
    assert now_changed([DB, document("web")], [DB, *same]) == ()


def test_further_services_are_newcomers() -> None:
    assert beyond(read(DB, document("web"))[0], read(DB)[0]) == ("web",)
