"""What both sides have in common: the service, how large it is, what is declared of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

PROGRAM = Path(__file__).with_name("service.py")
SERVICE = "web"
INSIDE_PORT = 8000
"""Of an instance in a container; processes listen on ports of their own."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one instance, and of the whole service. `starts_s`: until it answers."""

    permits: int = 2
    hold_s: float = 0.1
    starts_s: float = 3.0
    first: int = 3
    least: int = 2
    most: int = 14

    @property
    def capacity_rps(self) -> float:
        """Requests a second that one instance carries, with nothing to spare."""
        return self.permits / self.hold_s

    def environment(self) -> dict[str, str]:
        """For the program."""
        return {
            "PERMITS": str(self.permits),
            "HOLD_S": str(self.hold_s),
            "STARTS_S": str(self.starts_s),
        }


GRACE_S = 25.0
"""Until an instance that ends may be killed: longer than it may take by itself."""
SETTINGS: Mapping[str, Any] = MappingProxyType({"host_pressure_ratio": 1.0})
"""The service is limited by its permits: a machine that is busy with other things says nothing of
it, and would have Everup wait."""
TARGET_OF_HOLD, MEAN_OF_HOLD = 3.0, 1.5
"""Targets of answers in times of the work on one: for the 95th percentile, and for the mean. A
router tells means alone: this service's is the half of its 95th percentile where that comes near
its target."""


def target_s(size: Size) -> float:
    """What the 95th percentile of answers is to be within."""
    return TARGET_OF_HOLD * size.hold_s


def scaling(size: Size) -> dict[str, Any]:
    """What `everup.yaml` says under `scaling` of a service that Everup scales by itself."""
    return {"latency": f"{MEAN_OF_HOLD * size.hold_s * 1000:g}ms"}


def declared(size: Size, time_scale: float) -> dict[str, Any]:
    """What both runtimes are told of the service. Everup scales all times; a program neither starts
    nor ends faster for it."""
    return {
        "start_period_s": 3.0 * size.starts_s / time_scale,
        "router": SERVICE,
        "instances": {"min": size.least, "max": size.most},
    }


def command() -> list[str]:
    """The program as a process of this machine, with nothing but the standard library."""
    return [sys.executable, "-S", "-E", str(PROGRAM)]
