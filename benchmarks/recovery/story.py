"""A whole run, part by part: who is measured where, in which order, how many at a time.

Flows in: what the command line chose. Flows out: rows into `Results`, also when it is stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from benchmarks.recovery import mix, overhead, shared_controls
from benchmarks.recovery.cells import Engines, Recovery, measure
from benchmarks.recovery.control_cells import keep
from benchmarks.recovery.controls import CONTROLS, applies
from benchmarks.recovery.engines import Engine, EngineError, OwnEngine
from benchmarks.recovery.faults import FAULTS, Fault
from benchmarks.recovery.figures import spread
from benchmarks.recovery.healers import ALONE, AUTOHEAL, EVERUP, HEALERS, POLICY, Healer
from benchmarks.recovery.images import BAD, GOOD, SMALL, build
from benchmarks.recovery.places import Run, Stopped
from benchmarks.recovery.report import Results

T = TypeVar("T")
MIXED = {True: 4, False: 10}
OVERHEAD_S = {True: 30.0, False: 60.0}
ALONE_IN = frozenset({"crash", "oom", "hang"})


def tell(run: Run, chosen: argparse.Namespace, found: Results) -> None:
    """Everything that was chosen.

    Raises:
        Stopped: by Ctrl-C; what was measured until then is in `found`.
        EngineError: there is no engine to begin with.
    """
    parts = set(chosen.parts.split(","))
    healers = [h for h in HEALERS if not chosen.healers or h.name in chosen.healers.split(",")]
    found.began(chosen.side_by_side, chosen.seed)
    build()
    own = None
    try:
        engines = Engines(Engine())
        if any(h.is_swarm for h in healers) and parts & {"faults", "controls"}:
            own = OwnEngine(run.folder / "swarm")
            own.start()
            own.take(GOOD, BAD, SMALL)
            own.begin_swarm()
            engines = Engines(Engine(), own.engine)
        if "faults" in parts:
            _faults(run, engines, healers, chosen, found)
        if "controls" in parts:
            _controls(run, engines, healers, chosen, found)
        if "mix" in parts:
            _mix(run, engines, healers, chosen, found)
        if "overhead" in parts:
            found.overhead = overhead.measure(run, OVERHEAD_S[chosen.quick])
            say(f"overhead: {found.overhead}")
    finally:
        if own is not None:
            own.close()


def _faults(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    wanted = _named(FAULTS, chosen.faults)
    jobs = [(h, f, 1) for f in wanted for h in healers if h is not ALONE or f.name in ALONE_IN]
    _measure(run, engines, jobs, chosen.side_by_side, found)
    if chosen.quick:
        return
    again = [
        (h, f, number)
        for number in range(2, chosen.runs + 1)
        for f in wanted
        for h in _again(healers, f, found.recoveries)
    ]
    _measure(run, engines, again, chosen.side_by_side, found)


def _again(healers: Sequence[Healer], fault: Fault, rows: Iterable[Recovery]) -> list[Healer]:
    """Everup and the best peer, where they have recovered at all."""
    first = {r.healer: r.recovered_s for r in rows if r.fault == fault.name and r.run == 1}
    well = [h for h in healers if first.get(h.name) is not None]
    ours = [h for h in well if h.program == "everup"]
    peers = [h for h in well if h not in ours]
    best = sorted(peers, key=lambda h: first[h.name] or 0.0)[:1]
    return [*ours, *best]


def _measure(
    run: Run,
    engines: Engines,
    jobs: Sequence[tuple[Healer, Fault, int]],
    many: int,
    found: Results,
) -> None:
    calls = [_call(measure, run, engines, *job) for job in jobs]
    for row, entries in _together(run, calls, many):
        found.recoveries.append(row)
        found.logs.append(entries)
        what = row.note or (f"{row.recovered_s:.1f} s" if row.recovered_s else row.result)
        wrong = f", {row.on_victims} on victims, {row.again} again"
        say(f"{row.fault}, {row.healer}, run {row.run}: {what}; {row.acts} acts{wrong}")


def _controls(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    healers = [h for h in healers if h is not ALONE]
    wanted = _named(CONTROLS, chosen.controls)
    jobs = [(h, c) for c in wanted for h in healers if applies(c, h)]
    calls = [_call(keep, run, engines, h, c, 1) for h, c in jobs]
    rows = list(_together(run, calls, chosen.side_by_side * 2))  # they mostly wait
    names = chosen.controls.split(",") if chosen.controls else []
    if not names or shared_controls.SATURATED in names:
        rows += shared_controls.saturate(run, engines, healers)
    if not names or shared_controls.RESTARTED in names:
        rows += shared_controls.restart_engine(run, healers)
    for row, entries in rows:
        found.controls.append(row)
        found.logs.append(entries)


def _mix(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    wanted = [h for h in healers if h in (POLICY, AUTOHEAL, EVERUP)]
    count = MIXED[chosen.quick]
    calls = [_call(mix.live, run, engines, h, chosen.seed, count) for h in wanted]
    for lived, entries in _together(run, calls, len(wanted)):
        found.lived += lived
        found.logs.append(entries)
        times = spread(one.recovered_s for one in lived)
        say(f"mix, {lived[0].healer if lived else ''}: {times}")


def _named(all_: Sequence[T], names: str) -> list[T]:
    if not names:
        return list(all_)
    wanted = names.split(",")
    return [one for one in all_ if getattr(one, "name", "") in wanted]


def _call(function: Callable[..., T], *arguments: object) -> Callable[[], T]:
    return lambda: function(*arguments)


def _together(run: Run, calls: Sequence[Callable[[], T]], many: int) -> Iterable[T]:
    """The answers as they come. One that fails is said and left out; Ctrl-C ends all of them."""
    with ThreadPoolExecutor(max(1, many)) as hands:
        waiting = [hands.submit(call) for call in calls]
        for done in as_completed(waiting):
            try:
                yield done.result()
            except Stopped:
                for one in waiting:
                    one.cancel()
            except (EngineError, OSError) as error:
                say(f"failed: {error}")
    if run.stopping.is_set():
        raise Stopped


def say(text: str) -> None:
    """Progress, beside the tables."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
