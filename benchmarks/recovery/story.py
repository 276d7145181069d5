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
from benchmarks.recovery.control_cells import Kept, keep
from benchmarks.recovery.controls import CONTROLS, applies
from benchmarks.recovery.engines import Engine, EngineError, OwnEngine
from benchmarks.recovery.everup_log import Told
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
            _faults_once(run, engines, healers, chosen, found)
        if "controls" in parts:
            _controls(run, engines, healers, chosen, found)
        if "mix" in parts:
            _mix(run, engines, healers, chosen, found)
        if "overhead" in parts:
            found.overhead = overhead.measure(run, OVERHEAD_S[chosen.quick])
            say(f"overhead: {found.overhead}")
        if "faults" in parts and not chosen.quick:
            _faults_again(run, engines, healers, chosen, found)
    finally:
        if own is not None:
            own.close()


def _faults_once(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    wanted = _named(FAULTS, chosen.faults)
    jobs = [(h, f, 1) for f in wanted for h in healers if h is not ALONE or f.name in ALONE_IN]
    _measure(run, engines, jobs, chosen, found)


def _faults_again(
    run: Run,
    engines: Engines,
    healers: Sequence[Healer],
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    """What read *never* once is not asked again."""
    jobs = [
        (h, f, number)
        for number in range(2, chosen.runs + 1)
        for f in _named(FAULTS, chosen.faults)
        for h in _again(healers, f, found.recoveries)
    ]
    _measure(run, engines, jobs, chosen, found)


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
    chosen: argparse.Namespace,
    found: Results,
) -> None:
    calls = [_call(measure, run, engines, *job) for job in jobs]
    for row, entries in _together(run, calls, chosen.side_by_side):
        found.recoveries.append(row)
        found.logs.append(entries)
        what = row.note or (f"{row.recovered_s:.1f} s" if row.recovered_s else row.result)
        wrong = f", {row.on_victims} on victims, {row.again} again"
        say(f"{row.fault}, {row.healer}, run {row.run}: {what}; {row.acts} acts{wrong}")
        if chosen.verbose:
            _retell(entries)


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
    for row, entries in _together(run, calls, chosen.side_by_side + 3):  # they mostly wait
        _keep(found, row, entries)
        if chosen.verbose:
            _retell(entries)
    names = chosen.controls.split(",") if chosen.controls else []
    if not names or shared_controls.SATURATED in names:
        for row, entries in shared_controls.saturate(run, engines, healers):
            _keep(found, row, entries)
    if not names or shared_controls.RESTARTED in names:
        for row, entries in shared_controls.restart_engine(run, healers):
            _keep(found, row, entries)


def _keep(found: Results, row: Kept, entries: list[Told]) -> None:
    found.controls.append(row)
    found.logs.append(entries)
    say(f"{row.control}, {row.healer}: {row.note or f'{row.wrong} wrong'} {row.by_service or ''}")


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
    # Twelve services with healthchecks are as much as two cores carry beside what asks them.
    for lived, entries in _together(run, calls, 1):
        found.lived += lived
        found.logs.append(entries)
        times = spread(one.recovered_s for one in lived)
        if chosen.verbose:
            for one in lived:
                say(f"    {one}")
            _retell(entries)
        say(f"mix, {lived[0].healer if lived else ''}: {times}")


def _retell(entries: Iterable[Told]) -> None:
    for entry in entries:
        say(f"    {entry.at_s % 1000:.1f} {entry.text[:160]}")


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
