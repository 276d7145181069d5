"""`python -m tests.qualify start | run | status | stop | soak`: the full counts, over and over.

`start` begins in the background and goes on where it was stopped; `status` says how far it is;
`soak` plays seeds of the simulation in the foreground and keeps no record. Called by make.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence

from tests.qualify import background, record, report
from tests.qualify.chunks import all_chunks, full_counts, seeds
from tests.qualify.work import Done, Workers
from tests.simulation.regressions import FILE, Case, suggest


def start() -> int:
    """Begin, or say that it runs."""
    running = background.found()
    if running is not None:
        print(f"it runs already, as process {running.pid}; see make qualify-status")
        return 0
    pid = background.begin()
    print(f"begun as process {pid}; make qualify-status says how far it is")
    return 0


def run() -> int:
    """Do what is left to do for the code as it is; ends early when the code changes."""
    if background.found() is not None:
        print("another run is under way")
        return 2
    background.announce()
    kept = record.current()
    chunks = all_chunks(full_counts())
    kept.wanted = {}
    for chunk in chunks:
        kept.wanted[chunk.part] = kept.wanted.get(chunk.part, 0) + chunk.count
    kept.ended_at = ""
    kept.save()
    workers = _stoppable()

    def tell(done: Done) -> None:
        if record.state_of_code() != (kept.commit, kept.changes):
            print("the code has changed: start again for a record of its own", flush=True)
            workers.stop()
            return
        kept.add(done.chunk, done.took_s, done.figures, done.failures)
        kept.save()
        _suggest(done)
        print(f"{record.now()} {report.line(done)}", flush=True)

    workers.work([chunk for chunk in chunks if chunk.key not in kept.done], tell)
    if kept.is_complete:
        kept.ended_at = record.now()
        kept.save()
    print(report.status(kept, None), flush=True)
    return 0 if kept.has_passed else 1


def status() -> int:
    """0 when all was done and held, 1 when something failed, 3 while there is more to do."""
    kept = record.current()
    print(report.status(kept, background.found()))
    if kept.failures:
        return 1
    return 0 if kept.is_complete and kept.done else 3


def stop() -> int:
    """End the run; what it finished is kept."""
    running = background.found()
    if running is None:
        print("nothing runs")
        return 0
    is_over = background.end(running)
    print("stopped; make qualify goes on from here" if is_over else f"{running.pid} still runs")
    return 0 if is_over else 1


def soak(first: int, count: int) -> int:
    """Seeds of the simulation, and nothing else."""
    failed, played, began_s = 0, 0, time.monotonic()

    def tell(done: Done) -> None:
        nonlocal failed, played
        failed, played = failed + len(done.failures), played + done.chunk.count
        print(report.line(done), flush=True)
        for failure in done.failures:
            print(report.failure(failure), flush=True)
        _suggest(done)

    _stoppable().work(seeds("simulation_runs", first, count), tell)
    took_s = time.monotonic() - began_s
    print(f"{played} of {count} seeds from {first} on in {took_s:.0f} s: {failed} failed")
    return 1 if failed or played < count else 0


def _suggest(done: Done) -> None:
    """What failed is put among the regressions, for somebody to look at and commit."""
    added = suggest(_cases(done))
    if added:
        print(f"added to {FILE.name}, to be looked at: {', '.join(map(str, added))}", flush=True)


def _cases(done: Done) -> Iterator[Case]:
    for failure in done.failures:
        if failure.seed is not None:
            yield Case(failure.name, failure.seed, failure.hours, failure.found[0])


def _stoppable() -> Workers:
    workers = Workers()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: workers.stop())
    return workers


def main(arguments: Sequence[str] | None = None) -> int:
    """The verb."""
    parser = argparse.ArgumentParser(prog="python -m tests.qualify", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("start", "run", "status", "stop"):
        verbs.add_parser(verb)
    soaking = verbs.add_parser("soak")
    soaking.add_argument("--from", dest="first", type=int, default=1)
    soaking.add_argument("--seeds", dest="count", type=int, default=200)
    chosen = parser.parse_args(arguments)
    if chosen.verb == "soak":
        return soak(chosen.first, chosen.count)
    return {"start": start, "run": run, "status": status, "stop": stop}[chosen.verb]()


if __name__ == "__main__":
    sys.exit(main())
