"""How long one more instance takes from the order until it gets requests, step by step.

Flows in: a stage. Flows out: seconds since the order by step. Measured on Everup's side at rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.table import Table

from benchmarks.scaling_live.everups import ByEverup
from benchmarks.scaling_live.haproxy import Haproxy
from benchmarks.scaling_live.sides import sides
from benchmarks.scaling_live.stage import OURS, Stage

WITHIN_S = 180.0
POLL_S = 0.05
ANSWERED, RUNS, UP, TAKES = "the order is answered", "it runs", "its check passes", "it takes"
ENDED, PROVEN, FULL = "the action has ended", "it is proven", "it takes its whole share"


def one_more(stage: Stage) -> dict[str, float]:
    """Seconds since the order until each step; what never came within WITHIN_S is not in it."""
    with sides(stage, [OURS]) as found:
        side = found[OURS]
        assert isinstance(side, ByEverup)
        before = stage.size.first
        began_s = time.monotonic()
        side.scale(before + 1)
        asks: dict[str, Callable[[], bool]] = {
            ANSWERED: side.is_idle,
            RUNS: lambda: side.runs() > before,
            UP: lambda: _count(side.haproxy, is_up=True) > before,
            TAKES: lambda: side.haproxy.see().taking > before,
            ENDED: lambda: _state(side) in ("verifying", "verified", "failed"),
            PROVEN: lambda: _state(side) in ("verified", "failed"),
            FULL: lambda: _whole(side.haproxy) > before,
        }
        taken: dict[str, float] = {}
        while len(taken) < len(asks) and time.monotonic() < began_s + WITHIN_S:
            for name, ask in asks.items():
                if name not in taken and ask():
                    taken[name] = time.monotonic() - began_s
            time.sleep(POLL_S)
        return taken


def _count(router: Haproxy, *, is_up: bool) -> int:
    return sum(one.is_up is is_up for one in router.see().servers)


def _whole(router: Haproxy) -> int:
    """Servers that get as much as any other."""
    servers = [one for one in router.see().servers if one.takes]
    most = max((one.weight for one in servers), default=0)
    return sum(one.weight == most for one in servers)


def _state(side: ByEverup) -> str:
    found = side.everup.decisions()
    return str(found[0]["state"]) if found else ""


def table_of_steps(taken: Mapping[str, float]) -> Table:
    """In the order in which they came."""
    table = Table("until", "s since the order", title="one more instance")
    for name, took_s in sorted(taken.items(), key=lambda pair: pair[1]):
        table.add_row(name, f"{took_s:.1f}")
    return table
