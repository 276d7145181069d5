"""Who is in the stack and who needs whom: pure data.

``prepare`` writes it into ``everup.yaml``; each service reads its own hard dependencies from it
for ``/health``. All edges together form no cycle, so that a start order exists and a health check
that asks the neighbours' health checks always ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["hard", "soft"]

STACK_NAME = "ai-workflow-engine"

PORTS_PER_SERVICE = 10
"""Instance *i* listens on the service's base port + *i*; the largest service may have ten."""

CHECK_PATHS = {"qdrant": "/healthz", "ollama": "/api/tags"}
"""Where the real ones say that they live; all others have ``/health``."""


@dataclass(frozen=True)
class Dependency:
    """One edge: ``hard`` means that the service fails without ``target``, ``soft`` that it
    degrades. ``critical`` edges carry a circuit breaker."""

    target: str
    kind: Kind
    weight: float
    critical: bool = False


@dataclass(frozen=True)
class Profile:
    """What is declared for one service, apart from where it runs."""

    name: str
    needs: tuple[Dependency, ...] = ()
    memory_mib: int = 192
    cpus: float = 0.5
    priority: int = 50
    stateful: bool = False
    start_period_s: int = 10
    stop_grace_s: int = 10

    @property
    def hard(self) -> tuple[str, ...]:
        """The services without which this one cannot work."""
        return tuple(need.target for need in self.needs if need.kind == "hard")


def _hard(target: str, weight: float, *, critical: bool = False) -> Dependency:
    return Dependency(target, "hard", weight, critical)


def _soft(target: str, weight: float, *, critical: bool = False) -> Dependency:
    return Dependency(target, "soft", weight, critical)


PROFILES: tuple[Profile, ...] = (
    Profile(
        "postgres",
        memory_mib=512,
        cpus=1.0,
        priority=100,
        stateful=True,
        start_period_s=30,
        stop_grace_s=60,
    ),
    Profile("redis", memory_mib=128, priority=95, stateful=True, stop_grace_s=60),
    Profile("qdrant", memory_mib=256, priority=90, stateful=True, stop_grace_s=60),
    Profile("ollama", memory_mib=512, cpus=1.0, priority=85),
    Profile(
        "hybrid-memory-service",
        (
            _hard("qdrant", 0.8, critical=True),
            _hard("postgres", 0.7),
            _hard("redis", 0.6),
            _soft("ollama", 0.4),
        ),
        priority=70,
    ),
    Profile(
        "learning-service",
        (
            _hard("hybrid-memory-service", 0.7),
            _hard("postgres", 0.7),
            _soft("ollama", 0.6),
            _soft("redis", 0.3),
        ),
        priority=40,
    ),
    Profile(
        "perception-service",
        (_hard("ollama", 0.7), _soft("redis", 0.3), _soft("qdrant", 0.3)),
        priority=45,
    ),
    Profile(
        "reasoning-service",
        (
            _hard("ollama", 0.8),
            _hard("hybrid-memory-service", 0.6),
            _soft("qdrant", 0.3),
            _soft("learning-service", 0.4),
            _soft("perception-service", 0.3),
        ),
        priority=60,
    ),
    Profile(
        "worker",
        (
            _hard("redis", 0.9, critical=True),
            _hard("postgres", 0.9, critical=True),
            _soft("ollama", 0.5),
            _soft("hybrid-memory-service", 0.3),
            _soft("qdrant", 0.2),
        ),
        priority=65,
    ),
    Profile(
        "coordination-service",
        (
            _hard("redis", 0.8),
            _hard("reasoning-service", 0.6),
            _soft("postgres", 0.4),
            _soft("learning-service", 0.4),
            _soft("perception-service", 0.4),
            _soft("worker", 0.3),
        ),
        priority=75,
    ),
    Profile(
        "api",
        (
            _hard("postgres", 0.9, critical=True),
            _hard("redis", 0.8, critical=True),
            _hard("qdrant", 0.7, critical=True),
            _soft("ollama", 0.6, critical=True),
            _soft("coordination-service", 0.4),
            _soft("hybrid-memory-service", 0.4),
            _soft("reasoning-service", 0.3),
        ),
        memory_mib=256,
        cpus=1.0,
        priority=80,
    ),
    Profile(
        "webui",
        (_hard("api", 0.9, critical=True), _soft("redis", 0.3), _soft("coordination-service", 0.2)),
        priority=55,
    ),
)
"""In an order in which the stack can be started: nobody stands before what it needs."""

BY_NAME: dict[str, Profile] = {profile.name: profile for profile in PROFILES}


def base_ports(base_port: int) -> dict[str, int]:
    """The first port of every service, ``PORTS_PER_SERVICE`` apart."""
    return {
        profile.name: base_port + index * PORTS_PER_SERVICE
        for index, profile in enumerate(PROFILES)
    }


def address_variable(name: str) -> str:
    """The environment variable that tells where a service is: ``api`` -> ``API_URL``."""
    return name.upper().replace("-", "_") + "_URL"
