"""Two sides on one machine, begun and ended: services, routers, Everup, whatever runs them.

Flows in: processes or containers, who scales each side. Flows out: sides that are well and asked by
nobody yet. Nothing of them is left afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.recovery.places import Run
from benchmarks.scaling_live import containers, processes
from benchmarks.scaling_live.everups import ByEverup
from benchmarks.scaling_live.stage import OURS, PEER, Runtime, Side, Stage

FOLDERS = {OURS: "everup", PEER: "plain"}
WELL_WITHIN_S = 60.0
Maker = Callable[[Stage, Run, Path, ExitStack], Side]
MAKERS: Mapping[tuple[Runtime, bool], Maker] = {
    (Runtime.PROCESSES, True): processes.with_everup,
    (Runtime.PROCESSES, False): processes.by_hand,
    (Runtime.DOCKER, True): containers.with_everup,
    (Runtime.DOCKER, False): containers.by_hand,
}


@contextmanager
def sides(stage: Stage, names: Sequence[str] = (OURS, PEER)) -> Iterator[dict[str, Side]]:
    """Both, well. Raises what beginning them raised, with nothing left."""
    with ExitStack() as ends:
        run = Run()
        ends.callback(run.close)
        found: dict[str, Side] = {}
        for name in names:
            folder = run.folder / FOLDERS[name]
            folder.mkdir()
            found[name] = MAKERS[stage.runtime, name == OURS](stage, run, folder, ends)
        for side in found.values():
            if isinstance(side, ByEverup):
                side.everup.await_well()
            side.haproxy.await_taking(stage.size.first, WELL_WITHIN_S)
        yield found
