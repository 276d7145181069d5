"""Samplers of one service, `api`, for tests of their pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everup.loop.desk import Desk
from everup.loop.mishaps import Mishaps
from everup.loop.ports import Clock
from everup.loop.sampling import Samplers
from tests.unit.builders import SETTINGS, service, stack


def samplers_of(
    clock: Clock,
    is_close: Callable[[str], bool],
    *,
    runtime: Any = None,
    host: Any = None,
    prober: Any = None,
    is_tried: Callable[[str], bool] = lambda _: False,
) -> Samplers:
    """Nobody is settled, nobody is woken, and nobody is probed but by `prober`."""
    made = stack(service("api"))
    return Samplers(
        made,
        SETTINGS,
        runtime,
        prober,
        host,
        clock,
        Desk(made, SETTINGS),
        lambda _: None,
        is_close,
        lambda _: False,
        is_tried,
        Mishaps(SETTINGS.tick_s),
    )
