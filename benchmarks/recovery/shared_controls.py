"""Controls that hit everybody at once: the processors are saturated, and the engine starts anew.

All stacks stand side by side with their healers, the thing is done once, and each is counted for
itself. The engine that starts anew is one of our own, which all of them share for that time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks.recovery.cells import READY_WITHIN_S, Engines, standing
from benchmarks.recovery.control_cells import Kept
from benchmarks.recovery.counting import Acts, acts_of, unexpected
from benchmarks.recovery.engines import EngineError, OwnEngine
from benchmarks.recovery.everup_log import Told
from benchmarks.recovery.faults import FRONT, WATCHES_S
from benchmarks.recovery.healers import Healer, Watcher, watch
from benchmarks.recovery.images import BAD, GOOD, SMALL
from benchmarks.recovery.places import Run, end
from benchmarks.recovery.stacks import Service, Stack
from benchmarks.recovery.watching import Events

SATURATED, RESTARTED = "host CPU saturated 40 s", "engine restarts"
BURNS_S = 40.0
QUIET_S = 45.0
SERVICES = (Service("backend"), FRONT)
BURN = "while True: pass"

Found = list[tuple[Kept, list[Told]]]


def saturate(run: Run, engines: Engines, healers: Sequence[Healer]) -> Found:
    """Two programs for each processor, for 40 s."""

    def do() -> None:
        command = [sys.executable, "-c", BURN]
        burners = [
            subprocess.Popen(command, start_new_session=True)
            for _ in range(2 * (os.cpu_count() or 1))
        ]
        try:
            run.wait(BURNS_S)
        finally:
            for burner in burners:
                burner.kill()
                end(burner)

    return _all(run, engines, healers, SATURATED, do, lambda _: {}, after_s=15.0)


def restart_engine(run: Run, healers: Sequence[Healer]) -> Found:
    """An engine of our own ends in order and begins again. What has a restart policy is then
    started once by the engine, and a Swarm task once by Swarm: that is theirs to do."""
    own = OwnEngine(run.folder / "again")
    try:
        own.start()
        own.take(GOOD, BAD, SMALL)
        own.begin_swarm()

        def do() -> None:
            own.stop()
            run.wait(3.0)
            own.start()

        def expected(healer: Healer) -> dict[str, Acts]:
            once = Acts(starts=1 if healer.has_policy else 0, ends=1)
            return {"web": once, "backend": once}

        engines = Engines(own.engine, own.engine)
        return _all(run, engines, healers, RESTARTED, do, expected, after_s=QUIET_S)
    finally:
        own.close()


def _all(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    name: str,
    do: Callable[[], None],
    expected: Callable[[Healer], dict[str, Acts]],
    *,
    after_s: float,
) -> Found:
    with ExitStack() as held:
        placed: list[tuple[Healer, Stack, Watcher]] = []
        for healer in healers:
            stack = held.enter_context(standing(run, engines, healer, SERVICES))
            placed.append((healer, stack, Watcher()))
        _wait_until_ready(run, [stack for _, stack, _ in placed])
        for number, (healer, stack, _) in enumerate(placed):
            watcher = watch(healer, stack)
            held.callback(watcher.close)
            placed[number] = (healer, stack, watcher)
        run.wait(WATCHES_S)
        since_s = time.time()
        streams = [Events(stack.engine, stack.name) for _, stack, _ in placed]
        for stream in streams:
            held.callback(stream.stop)
        do()
        run.wait(after_s)
        found: Found = []
        for (healer, stack, watcher), stream in zip(placed, streams, strict=True):
            rows = [*stream.stop()]
            if name == RESTARTED:  # the stream has ended with its engine, the new one remembers
                rows += Events(stack.engine, stack.name, since_s).stop()
            touched = unexpected(acts_of(rows, since_s), expected(healer))
            entries = watcher.told()
            intended = tuple(e.text for e in entries if e.event == "Intended")
            kept = Kept(healer.name, name, 1, sum(touched.values()), touched, intended)
            found.append((kept, entries))
        return found


def _wait_until_ready(run: Run, stacks: Sequence[Stack]) -> None:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not all(stack.is_ready() for stack in stacks):
        if time.monotonic() > deadline_s:
            raise EngineError("not all stacks got ready")
        run.wait(0.5)
