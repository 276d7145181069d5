"""What is begun: processes or containers, how large, run by whom; and what a side can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from benchmarks.scaling_live.everups import Way
from benchmarks.scaling_live.haproxy import Haproxy
from benchmarks.scaling_live.world import Size, scaling

OURS, PEER = "everup", "plain 70 %"
SOCKET = "admin.sock"


class Runtime(StrEnum):
    """What the instances are."""

    PROCESSES = "processes"
    DOCKER = "docker"


@dataclass(frozen=True, slots=True)
class Stage:
    """`has_places`: HAProxy knows where instances will be, and its own check lets them in; else
    Everup adds a server for each that it has proven. Containers always have places."""

    runtime: Runtime
    size: Size
    way: Way
    has_places: bool = True

    def with_scaling(self, service: dict[str, Any]) -> dict[str, Any]:
        """What `everup.yaml` says of the service, where Everup scales it by itself."""
        return {**service, "scaling": scaling(self.size)} if self.way.scales else service


class Side(Protocol):
    """A service, its HAProxy, and whoever scales it."""

    name: str
    port: int
    haproxy: Haproxy

    @property
    def count(self) -> int:
        """How many instances there are, or will be once the latest order is carried out."""

    @property
    def changes(self) -> list[int]:
        """Scalings out and in so far."""

    @property
    def put_off(self) -> Mapping[str, int]:
        """How often a scaling was put off, by reason."""

    def runs(self) -> int:
        """How many instances are there, ready or not."""

    def scale(self, count: int) -> None:
        """Have so many, without waiting for it."""

    def is_idle(self) -> bool:
        """Is nothing of that under way? Raises what it raised."""
