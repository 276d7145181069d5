"""The faults: how the stack has to look, how it is hurt, and who is the root.

`hurt` returns when the fault was complete; what the engine tells before that is the fault's doing.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.recovery.images import BAD
from benchmarks.recovery.stacks import Check, Service, Stack
from benchmarks.recovery.watching import ask

WATCHES_S = 15.0
ONE_SHOT_S = 68.0  # what ends with 0 sooner may have been meant to end


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `watches_s`: how long every healer has watched before it."""

    name: str
    services: tuple[Service, ...]
    hurt: Callable[[Stack], float]
    root: str = "web"
    watches_s: float = WATCHES_S


def tell(stack: Stack, path: str) -> float:
    """Ask `web` to do it to itself."""
    stack.engine.in_network(lambda: ask(stack.port, path, 3.0))
    return time.time()


def halt(stack: Stack, service: str) -> float:
    """The process stops in its tracks; the engine knows nothing of it."""
    os.kill(stack.pid(service), signal.SIGSTOP)
    return time.time()


def _crash(stack: Stack) -> float:
    began_s = time.time()
    tell(stack, "/crash")
    return began_s


def _leak(stack: Stack) -> float:
    began_s = time.time()
    tell(stack, "/leak")
    return began_s


def _fill(stack: Stack) -> float:
    return tell(stack, "/fill")


def _deploy(stack: Stack) -> float:
    stack.replace("web", BAD)
    return time.time()


def _break_config(stack: Stack) -> float:
    stack.write_config("{ this is not JSON")
    return time.time()


def _end_backend(stack: Stack) -> float:
    began_s = time.time()
    end = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/end')"
    stack.engine.tried("exec", stack.container("backend"), "python3", "-c", end)
    return began_s


def _hang_backend(stack: Stack) -> float:
    return halt(stack, "backend")


WEB = Service("web")
FRONT = Service("web", needs=("backend",))
DEEP_FRONT = Service("web", needs=("backend",), check=Check("/"))  # ill when its backend is
FAULTS = (
    Fault("crash", (WEB,), _crash),
    Fault("oom", (Service("web", memory="64m"),), _leak),
    Fault("hang", (WEB,), lambda stack: halt(stack, "web")),
    Fault("bad deploy", (WEB,), _deploy),
    Fault("config", (Service("web", has_config=True),), _break_config),
    Fault("tmpfull", (Service("web", data="tmpfs"),), _fill),
    Fault("diskfull", (Service("web", data="volume"),), _fill),
    Fault(
        "dependency exits 0",
        (Service("backend", policy="on-failure"), DEEP_FRONT),
        _end_backend,
        root="backend",
        watches_s=ONE_SHOT_S,
    ),
    Fault(
        "dependency hangs",
        (Service("backend", check=Check("")), DEEP_FRONT),
        _hang_backend,
        root="backend",
    ),
)
