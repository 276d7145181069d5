"""Who heals: nothing, the engine's restart policy, autoheal, Swarm, Everup.

A healer is started for one stack and watches nothing else. All but `nothing` have the restart
policy as well, since that is how they are used; `everup alone` has none: what it does by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.recovery.engines import EngineError
from benchmarks.recovery.everup_log import Told, told
from benchmarks.recovery.places import end, spawn
from benchmarks.recovery.stacks import Stack
from benchmarks.recovery.watching import ask

UP_WITHIN_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Healer:
    """`program`: what is started beside the stack; empty for what the engine does by itself."""

    name: str
    has_policy: bool = True
    is_swarm: bool = False
    program: str = ""


NOTHING = Healer("nothing", has_policy=False)
POLICY = Healer("restart policy")
AUTOHEAL = Healer("autoheal", program="autoheal")
SWARM = Healer("swarm", is_swarm=True)
EVERUP = Healer("everup", program="everup")
ALONE = Healer("everup alone", has_policy=False, program="everup")
HEALERS = (NOTHING, POLICY, AUTOHEAL, SWARM, EVERUP, ALONE)


@dataclass(slots=True)
class Watcher:
    """A healer that watches a stack. `close` gives back what it held."""

    process: subprocess.Popen[bytes] | None = None
    state: Path | None = None
    port: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int | None:
        """Of its process; None when it has none of its own."""
        return None if self.process is None else self.process.pid

    def told(self) -> list[Told]:
        """What Everup wrote down; nothing for anybody else."""
        return [] if self.state is None else told(self.state)

    def close(self) -> None:
        """It ends."""
        if self.process is not None:
            end(self.process)


def watch(
    healer: Healer, stack: Stack, *, time_scale: float = 1.0, is_apart: bool = False
) -> Watcher:
    """Start it and wait until it looks. `is_apart`: with a view of the file system of its own, so
    that files can be taken away from it alone.

    Raises:
        EngineError: it did not come up.
    """
    if not healer.program:
        return Watcher()
    folder = stack.folder / "healer"
    folder.mkdir(exist_ok=True)
    apart = ["unshare", "--mount"] if is_apart else []
    before = [*stack.engine.entered(), *apart]
    environment = {
        "DOCKER_HOST": stack.engine.address,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }
    if healer.program == "autoheal":
        label = stack.mark[3]
        command = [*before, sys.executable, "-m", "benchmarks.recovery.autoheal"]
        process = spawn([*command, stack.engine.address, label], folder / "out.log", environment)
        return Watcher(process, environment=environment)
    port, state = stack.run.port(), folder / "state"
    start = "from everup.cli import main; main()"
    command = [*before, sys.executable, "-c", start, "up", "--project", stack.name]
    options = ["--mode", "auto", "--listen", f"127.0.0.1:{port}", "--state-dir", str(state)]
    scale = [] if time_scale == 1.0 else ["--time-scale", f"{time_scale:g}"]
    watcher = Watcher(
        spawn([*command, *options, *scale], folder / "out.log", environment), state, port
    )
    deadline_s = time.monotonic() + UP_WITHIN_S
    while stack.engine.in_network(lambda: ask(port, "/health", 2.0)) != 200:
        assert watcher.process is not None
        if watcher.process.poll() is not None or time.monotonic() > deadline_s:
            watcher.close()
            raise EngineError(f"everup: {(folder / 'out.log').read_text()[-800:]}")
        time.sleep(0.3)
    return watcher
