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
    clock: Clock, is_close: Callable[[str], bool], *, runtime: Any = None, host: Any = None
) -> Samplers:
    """Nobody is probed, nobody is settled, and nobody is woken."""
    made = stack(service("api"))
    prober: Any = None
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
        Mishaps(SETTINGS.tick_s),
    )
