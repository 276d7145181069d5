"""`python -m tests.qualify.play FIRST COUNT HOURS`: play these seeds, say each as a line of JSON.

Started once per chunk by `work`, so that memory is given back, a crash costs one chunk, and a run
that does not end can be ended.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from typing import Any

from everup.simulation.mixes import mix_of
from everup.simulation.runner import play

FOUND_MOST = 5
FIGURES = ("services", "entries", "actions", "deeds", "incidents", "escalations", "kills", "steps")


def line(seed: int, hours: float) -> dict[str, Any]:
    """What one run came to. A run that raises has failed too."""
    mix = mix_of(seed)
    began_s = time.perf_counter()
    said: dict[str, Any] = {"class": mix, "seed": seed, "hours": hours, "found": [], "figures": {}}
    try:
        result = play(mix, seed, hours=hours)
        said["found"] = [str(violation) for violation in result.violations[:FOUND_MOST]]
        said["figures"] = {name: getattr(result, name) for name in FIGURES}
        said["figures"]["troubles"] = sum(result.troubles.values())
        said["journal"] = result.journal_hash
    except Exception:  # noqa: BLE001  whatever it raises is what we look for
        said["found"] = [f"it raised: {traceback.format_exc(limit=-3)}"]
    said["took_s"] = round(time.perf_counter() - began_s, 3)
    return said


def main(first: int, count: int, hours: float) -> None:
    """All of the chunk, each line as soon as it is known."""
    for seed in range(first, first + count):
        print(json.dumps(line(seed, hours)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
