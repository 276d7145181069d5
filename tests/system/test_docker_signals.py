"""Signals of what runs out, of real containers: what was done to them is what the ring has."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from everup.app import Engine
from everup.model.history import Signal
from tests.docker_engine import BUSYBOX, PYTHON, Docker, call
from tests.system.docker_stack import Shop, until, watched

pytestmark = pytest.mark.system

LISTENER = """
import os, socket, time
door = socket.create_server(("", 8080), backlog=16)
while True:
    time.sleep(0.2)
    if os.path.exists("/tmp/waits"):
        guests = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(5)]
        break
inside = [door.accept()[0] for _ in range(3)]
files = [open("/dev/null") for _ in range(300)]
payload = b"x" * 65536
while True:
    time.sleep(0.05)
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.sendto(payload[:1400], (os.environ["SINK"], 9))
    sink.close()
"""
COMPOSE = f"""
version: "2.4"
services:
  busy:
    image: {PYTHON}
    command: ["python", "-u", "-c", {json.dumps(LISTENER)}]
    environment: {{SINK: sink}}
    ulimits: {{nofile: 1024}}
    labels: {{everup.max_connections: "10"}}
  sink:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
  spinning:
    image: {BUSYBOX}
    cpus: 0.1
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do :; done"]
"""


def latest(engine: Engine, service: str, signal: Signal) -> float:
    """The newest value in the ring."""
    _, values = engine.control.ring.series(service, signal)
    return float(values[-1]) if len(values) else float("nan")


def test_they_reach_the_ring(docker: Docker, tmp_path: Path) -> None:
    async def story() -> None:
        shop = Shop(docker, "signals", tmp_path, COMPOSE)
        shop.compose("up", "-d")
        async with watched(shop, tmp_path) as engine:
            await until(
                lambda: latest(engine, "busy", Signal.DESCRIPTORS_RATIO) < 0.1, "few open files"
            )
            assert latest(engine, "busy", Signal.QUEUE) == 0.0
            call("exec", shop.container("busy"), "touch", "/tmp/waits")
            await until(lambda: latest(engine, "busy", Signal.QUEUE) == 2.0, "two that wait")
            assert latest(engine, "busy", Signal.QUEUE_RATIO) == pytest.approx(2 / 16)
            await until(
                lambda: latest(engine, "busy", Signal.DESCRIPTORS_RATIO) > 0.29, "open files"
            )
            assert latest(engine, "busy", Signal.CONNECTIONS) >= 3.0
            assert latest(engine, "busy", Signal.CONNECTIONS_RATIO) >= 0.3
            await until(lambda: latest(engine, "busy", Signal.SENT_PER_S) > 5_000.0, "traffic")
            await until(
                lambda: latest(engine, "spinning", Signal.THROTTLED_RATIO) > 0.3, "held back"
            )
            for service in ("busy", "spinning"):
                assert 0.0 < latest(engine, service, Signal.DISK_RATIO) <= 1.0
                assert latest(engine, service, Signal.DISK_FREE_BYTES) > 0.0
                assert latest(engine, service, Signal.AGE_S) > 0.0
            assert np.isnan(latest(engine, "sink", Signal.QUEUE)) or (
                latest(engine, "sink", Signal.QUEUE) == 0.0
            )

    asyncio.run(story())
