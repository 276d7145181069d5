"""Both kinds of side as processes of this machine, on ports one after the other."""

from __future__ import annotations

import random
import shutil
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.recovery.places import Run, end, spawn
from benchmarks.scaling_live import everups, haproxy
from benchmarks.scaling_live.everups import ByEverup, Everup
from benchmarks.scaling_live.hands import ByHand, ProcessHands
from benchmarks.scaling_live.haproxy import Haproxy
from benchmarks.scaling_live.stage import OURS, PEER, SOCKET, Side, Stage
from benchmarks.scaling_live.world import GRACE_S, PROGRAM, SERVICE, SETTINGS, command, declared

FIRST_PORT, END_PORT, BLOCK = 15_000, 21_000, 32
"""Of instances: below the ports of tests, and of those that a run gives one by one."""


def _router(
    stage: Stage, run: Run, folder: Path, ends: ExitStack, first_port: int, *, is_ours: bool
) -> tuple[int, Haproxy]:
    port, path = run.port(), folder / SOCKET
    places = stage.size.most if stage.has_places or not is_ours else stage.size.first
    ports = range(first_port, first_port + places)
    file = folder / "haproxy.cfg"
    file.write_text(haproxy.of_processes(path, port, ports), encoding="utf-8")
    program = shutil.which("haproxy")
    assert program is not None, "no haproxy: scripts/engine start installs one"
    process = spawn([program, "-db", "-f", str(file)], folder / "haproxy.log")
    ends.callback(end, process)
    return port, Haproxy(path)


def with_everup(stage: Stage, run: Run, folder: Path, ends: ExitStack) -> Side:
    first_port, size = _free_ports(stage.size.most, ends), stage.size
    port, router = _router(stage, run, folder, ends, first_port, is_ours=True)
    time_scale = stage.way.time_scale
    service: dict[str, Any] = declared(size, time_scale) | {
        "command": command(),
        "directory": str(folder),
        "env": size.environment(),
        "port": first_port,
        "instances": {"count": size.first, "min": size.least, "max": size.most},
        "probe": {"http": "http://127.0.0.1:{port}/health", "interval_s": 1},
        "stop": {"grace_s": GRACE_S / time_scale},
    }
    document = {"stack": "live", "router": f"unix://{router.path}", "settings": dict(SETTINGS)}
    file = everups.write(folder, document | {"services": {SERVICE: stage.with_scaling(service)}})
    everup = Everup(folder, run.port(), stage.way, ["-f", str(file)])
    side = ByEverup(
        *(OURS, port, router, everup),
        runs=lambda: len(_instances(folder)),
        clean=lambda: _kill(folder),
        ends_services=True,
    )
    ends.callback(side.close)
    return side


def by_hand(stage: Stage, run: Run, folder: Path, ends: ExitStack) -> Side:
    first_port = _free_ports(stage.size.most, ends)
    port, router = _router(stage, run, folder, ends, first_port, is_ours=False)
    hands = ProcessHands(folder, first_port, stage.size)
    side = ByHand(PEER, port, router, hands, stage.size)
    ends.callback(side.close)
    return side


def _free_ports(count: int, ends: ExitStack) -> int:
    """The first of so many in a row that nobody listens on, and that no other run of this machine
    is given before this one ends: not all of them are listened on from the beginning."""
    blocks = list(range(FIRST_PORT, END_PORT - count, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        claim = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            claim.bind(f"\0everup-bench-ports-{first}")
            if all(_is_free(port) for port in range(first, first + count)):
                ends.callback(claim.close)
                return first
        claim.close()
    raise OSError(f"no {count} ports in a row are free from {FIRST_PORT} to {END_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket() as door:
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _instances(folder: Path) -> list[psutil.Process]:
    """Processes that run our program in this folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if str(PROGRAM) in (process.info["cmdline"] or ()) and process.cwd() == str(folder):
                found.append(process)
    return found


def _kill(folder: Path) -> None:
    for process in _instances(folder):
        with suppress(psutil.Error):
            process.kill()
