"""What docker-autoheal is published to do, as a program of ours, so that nothing has to be pulled.

Every 5 s it lists the unhealthy containers that carry the label, and restarts them one after the
other, each with 10 s to stop. Started by `healers` as a process of its own:
`python -m benchmarks.recovery.autoheal ADDRESS LABEL`.
"""

from __future__ import annotations

import sys
import time

from benchmarks.recovery.engines import Engine

EVERY_S = 5.0
STOPS_WITHIN_S = 10


def once(engine: Engine, label: str) -> list[str]:
    """One pass; whom it restarted."""
    chosen = ["--filter", f"label={label}", "--filter", "health=unhealthy"]
    found = engine.tried("ps", "-q", *chosen).split()
    for container in found:
        engine.tried("restart", "-t", str(STOPS_WITHIN_S), container)
    return found


def main(address: str, label: str) -> None:
    """Until it is ended."""
    while True:
        once(Engine(address), label)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
