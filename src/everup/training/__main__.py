"""The worker: `python -m everup.training FOLDER [--for PID] [--cluster ADDRESS]`, from `process`.

Flows in: a folder with an order and the past (`folder`). Flows out: a challenger with both exams,
or why there is none, in the same folder. It ends with 0 either way; anything else is a fault, whose
last line says which. It works at the lowest priority; whoever started it ends it when its time is
over. Where that one (PID) was killed, nobody waits for an answer: the worker takes its folder away,
and ends.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from everup.training import folder as place
from everup.training.crafts import learn
from everup.training.work import NothingToLearn, cores

LOWEST_PRIORITY = 19
LOOK_EVERY_S = 1.0
TAKEN_AWAY_TRIES, TAKEN_AWAY_AGAIN_S = 50, 0.1
LEFT_ALONE = 3
"""What it ends with when nobody waits for it any more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, learn, answer."""
    parser = argparse.ArgumentParser(prog="python -m everup.training", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--for", dest="parent", type=int, default=0, help="who waits for it")
    parser.add_argument("--cluster", default="", help="address of a Dask scheduler")
    chosen = parser.parse_args(arguments)
    if chosen.parent:
        watch = threading.Thread(target=_watch, args=(chosen.parent, chosen.folder), daemon=True)
        watch.start()
    try:
        _work(chosen.folder, chosen.cluster)
    except OSError:
        if chosen.parent and os.getppid() != chosen.parent:
            _leave(chosen.folder)  # taken away under our hands
        raise
    return 0


def _work(folder: Path, cluster: str) -> None:
    order = place.get_order(folder)
    pasts = place.Pasts(folder, order.services)
    try:
        with cores(cluster) as found:
            place.put_result(folder, learn(order, pasts, found))
    except NothingToLearn as why:
        (folder / place.WHY).write_text(str(why), encoding="utf-8")


def _watch(parent: int, folder: Path) -> None:
    """End with whoever waits, also where that one was killed and could end nobody."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    _leave(folder)


def _leave(folder: Path) -> NoReturn:
    """The folder goes, also while something is being written into it."""
    for _ in range(TAKEN_AWAY_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(TAKEN_AWAY_AGAIN_S)
    os._exit(LEFT_ALONE)


if __name__ == "__main__":
    os.nice(LOWEST_PRIORITY)
    sys.exit(main())
