"""Both kinds of side as containers of one engine, each on a network of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from benchmarks.recovery.engines import Engine
from benchmarks.recovery.places import LABEL, Run, clean, labels, spawn
from benchmarks.scaling_live import everups, haproxy
from benchmarks.scaling_live.everups import ByEverup, Everup
from benchmarks.scaling_live.hands import ByHand, ContainerHands
from benchmarks.scaling_live.haproxy import Haproxy
from benchmarks.scaling_live.stage import OURS, PEER, SOCKET, Side, Stage
from benchmarks.scaling_live.world import (
    GRACE_S,
    INSIDE_PORT,
    PROGRAM,
    SERVICE,
    SETTINGS,
    Size,
    declared,
)
from everup.loop.pins import REPOSITORY

PYTHON_IMAGE, HAPROXY_IMAGE = "everup-test/python:3.11", "everup-test/haproxy"
SOCKET_FOLDER = "/var/lib/haproxy"
COMPOSED_WITHIN_S = 120.0


def _router(
    stage: Stage, run: Run, folder: Path, ends: ExitStack, network: str
) -> tuple[int, Haproxy]:
    engine, port, inside = Engine(), run.port(), 8080
    sockets = folder / "router"
    sockets.mkdir()
    file = folder / "haproxy.cfg"
    told = haproxy.of_containers(f"{SOCKET_FOLDER}/{SOCKET}", inside, stage.size.most)
    file.write_text(told, encoding="utf-8")
    mounts = ["-v", f"{file}:/usr/local/etc/haproxy/haproxy.cfg:ro"]
    mounts += ["-v", f"{sockets}:{SOCKET_FOLDER}"]
    where = ["--network", network, "-p", f"127.0.0.1:{port}:{inside}"]
    made = engine.docker("run", "-d", *labels(run, "router"), *mounts, *where, HAPROXY_IMAGE)
    ends.callback(engine.tried, "rm", "-f", made)
    return port, Haproxy(sockets / SOCKET)


def with_everup(stage: Stage, run: Run, folder: Path, ends: ExitStack) -> Side:
    engine, project, size = Engine(), run.name(), stage.size
    file = folder / "compose.yml"
    file.write_text(yaml.safe_dump(_compose(run, size)), encoding="utf-8")
    compose = ["docker-compose", "-p", project, "-f", str(file)]
    down = _caller([*compose, "down", "-v", "-t", "0"], folder)
    ends.callback(down)
    _caller([*compose, "up", "-d", "--scale", f"{SERVICE}={size.first}"], folder)()
    port, router = _router(stage, run, folder, ends, f"{project}_default")
    service = declared(size, stage.way.time_scale)
    service["probe"] = {"http": f"http://{{host}}:{INSIDE_PORT}/health", "interval_s": 1}
    document = {"router": f"unix://{router.path}", "settings": dict(SETTINGS)}
    yaml_file = everups.write(
        folder, document | {"services": {SERVICE: stage.with_scaling(service)}}
    )
    words = ["--project", project, "-f", str(yaml_file)]
    everup = Everup(folder, run.port(), stage.way, words)
    filters = ["--filter", f"label=com.docker.compose.project={project}"]
    listed = ["ps", "-q", *filters, "--filter", f"label=com.docker.compose.service={SERVICE}"]
    side = ByEverup(
        *(OURS, port, router, everup),
        runs=lambda: len(engine.docker(*listed).split()),
        clean=lambda: _forget(engine, project),
        ends_services=False,  # Compose does
    )
    ends.callback(side.close)
    return side


def by_hand(stage: Stage, run: Run, folder: Path, ends: ExitStack) -> Side:
    engine, name = Engine(), run.name()
    ends.callback(clean, engine, f"{LABEL}={run.token}")
    hands = ContainerHands(engine, name, labels(run, "plain"), PYTHON_IMAGE, stage.size)
    port, router = _router(stage, run, folder, ends, name)
    side = ByHand(PEER, port, router, hands, stage.size)
    ends.callback(side.close)
    return side


def _compose(run: Run, size: Size) -> dict[str, Any]:
    service = {
        "image": PYTHON_IMAGE,
        "command": ["python3", "-S", "-E", "/service.py"],
        "volumes": [f"{PROGRAM}:/service.py:ro"],
        "environment": {**size.environment(), "PORT": str(INSIDE_PORT), "HOST": "0.0.0.0"},
        "expose": [str(INSIDE_PORT)],
        "stop_grace_period": f"{GRACE_S:.0f}s",
        "labels": {LABEL: run.token},
    }
    return {"version": "2.4", "services": {SERVICE: service}}


def _caller(words: Sequence[str], folder: Path) -> Callable[[], None]:
    def call() -> None:
        process = spawn(words, folder / "compose.log", dict(os.environ))
        assert process.wait(COMPOSED_WITHIN_S) == 0, (folder / "compose.log").read_text()[-800:]

    return call


def _forget(engine: Engine, project: str) -> None:
    """Names that Everup has put on images, for going back."""
    shown = engine.tried("images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY)
    for name in shown.split():
        if name.startswith(f"{REPOSITORY}:{project}."):
            engine.tried("rmi", name)
