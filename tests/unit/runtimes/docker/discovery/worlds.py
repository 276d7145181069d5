"""Documents of `docker inspect` for these tests: real ones of an engine, and small made-up ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everup.model.kinds import Mode
from everup.runtimes.docker.discovery import (
    Discovered,
    build_stack,
    compose_paths,
    look_around,
    projects,
    read_containers,
)

DOCUMENTS = Path(__file__).with_name("documents")
SHOP_FILE = "/srv/shop/docker-compose.yml"
SHOP = """
version: "2.4"
x-common: &common
  depends_on:
    db: {condition: service_healthy}
    cache: {condition: service_started}
    migrate: {condition: service_completed_successfully}
services:
  db: {image: "postgres:15.4-alpine"}
  cache: {image: "redis:7-alpine"}
  migrate: {build: ., depends_on: [db]}
  api: {<<: *common, build: .}
  web: {image: "nginx:1.25", links: ["api:backend"]}
  collector: {image: "otel/opentelemetry-collector:0.90.0"}
"""


def documents(name: str) -> list[dict[str, Any]]:
    """What an engine said of containers that were really made; trimmed, images renamed."""
    found: list[dict[str, Any]] = json.loads((DOCUMENTS / f"{name}.json").read_text())
    return found


def document(
    name: str,
    *,
    project: str | None = "shop",
    service: str | None = None,
    number: int = 1,
    image: str = "app:1",
    labels: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    networks: tuple[str, ...] = ("shop_default",),
    host: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    state: Mapping[str, object] | None = None,
    mounts: tuple[Mapping[str, object], ...] = (),
    needs: str | None = "",
) -> dict[str, Any]:
    """A small container of Compose 2; `project` None: started by hand; `needs` None: Compose 1."""
    service = service or name
    marks = dict(labels or {})
    if project is not None:
        prefix = "com.docker.compose."
        marks |= {
            prefix + "project": project,
            prefix + "service": service,
            prefix + "container-number": str(number),
            prefix + "oneoff": "False",
            prefix + "project.working_dir": f"/srv/{project}",
            prefix + "project.config_files": "docker-compose.yml",
        }
        if needs is not None:
            marks[prefix + "depends_on"] = needs
        name = f"{project}-{service}-{number}"
    return {
        "Id": (name.encode().hex() + "0" * 64)[:64],
        "Name": f"/{name}",
        "Created": "2026-01-02T03:04:05.678901234Z",
        "Image": "sha256:" + "ab" * 32,
        "Path": "app",
        "Args": [],
        "Config": {
            "Image": image,
            "Labels": marks,
            "Env": [f"{k}={v}" for k, v in (env or {}).items()],
            **(config or {}),
        },
        "HostConfig": dict(host or {}),
        "State": {"Status": "running", "ExitCode": 0, **(state or {})},
        "Mounts": list(mounts),
        "NetworkSettings": {"Networks": {net: {"Aliases": [service]} for net in networks}},
    }


def discover(
    found: list[dict[str, Any]],
    *,
    files: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    mode: Mode = Mode.OBSERVE,
    own_id: str = "",
) -> dict[str, Discovered]:
    """Everything that a caller does, by project."""
    containers = read_containers(found)
    around = look_around(containers, environ or {}, own_id)
    return {
        project.name: build_stack(
            project,
            around,
            {path: (files or {}).get(path) for path in compose_paths(project)},
            mode,
        )
        for project in projects(containers, own_id)
    }


def edges(discovered: Discovered, service: str) -> dict[str, tuple[str, float]]:
    """Target → (kind, confidence)."""
    found = discovered.stack.services[service].depends_on
    return {edge.target: (edge.kind.value, edge.confidence) for edge in found}


def said(discovered: Discovered) -> str:
    """All notes as lines."""
    return "\n".join(map(str, discovered.notes))
