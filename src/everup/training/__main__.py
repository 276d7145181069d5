"""The worker: `python -m everup.training FOLDER [--cluster ADDRESS]`. Started by `process`.

Flows in: a folder with an order and the past (`folder`). Flows out: a challenger with both exams,
or why there is none, in the same folder. It ends with 0 either way; anything else is a fault, whose
last line says which. It works at the lowest priority; whoever started it ends it when its time is
over.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from everup.training import folder as place
from everup.training.crafts import learn
from everup.training.work import NothingToLearn, cores

LOWEST_PRIORITY = 19


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, learn, answer."""
    parser = argparse.ArgumentParser(prog="python -m everup.training", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cluster", default="", help="address of a Dask scheduler")
    chosen = parser.parse_args(arguments)
    order = place.get_order(chosen.folder)
    pasts = place.Pasts(chosen.folder, order.services)
    try:
        with cores(chosen.cluster) as found:
            place.put_result(chosen.folder, learn(order, pasts, found))
    except NothingToLearn as why:
        (chosen.folder / place.WHY).write_text(str(why), encoding="utf-8")
    return 0


if __name__ == "__main__":
    os.nice(LOWEST_PRIORITY)
    sys.exit(main())
