"""Mitigations: what keeps a failure from spreading while its cure is under way or not at hand.

Generated and ranked by `dependency_monitor.mitigations`, proposed and given back by
`loop.mitigations`, shown by the API. What is in force is a fold of the journal (`Mitigated`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.decision import Step
from everup.model.kinds import UNKNOWN, ActionKind
from everup.model.runtime import Capability

NEEDS, BECAUSE = "needs", "because"
"""Parameters of a mitigation's step: the dependency that is not called, and who is sick."""

SHED_FOR = "shed"
"""Why a router holds a server, in its note."""


class MitigationKind(StrEnum):
    """Gentlest first: of equal gain the gentler one is better. All but `hold_restarts` are executed
    by the action kind of the same name."""

    HOLD_RESTARTS = "hold_restarts"
    DEGRADE = "degrade"
    SHED = "shed"
    SCALE_OUT = "scale_out"
    SCALE_UP = "scale_up"
    FAILOVER = "failover"
    ISOLATE = "isolate"

    @property
    def action(self) -> ActionKind | None:
        """None: the gate does it by itself, and no action is needed."""
        return None if self is MitigationKind.HOLD_RESTARTS else ActionKind(self.value)


@dataclass(frozen=True, slots=True)
class Mitigation:
    """One option. `service`: to whom it is done; `because`: the sick one; `needs`: of `degrade`,
    the dependency that is not called any more; `instance`: "" for all of it.

    `risk_before`, `risk_after`: mean probability, over all that the sick ones can reach, to be
    hurt: without it and with it, everything else as it is. `missing`: what it lacks to be done.
    `must_ask`: why a person is asked whatever the mode. `wait_s`: how long the trouble must last.
    `is_in_force`: it is so already.
    """

    kind: MitigationKind
    service: str
    because: str
    text: str
    why: str
    risk_before: float
    risk_after: float
    needs: str = ""
    instance: str = ""
    missing: tuple[str, ...] = ()
    must_ask: str = ""
    wait_s: float = 0.0
    is_in_force: bool = False

    @property
    def gain(self) -> float:
        """How much less risk there is with it."""
        return self.risk_before - self.risk_after

    @property
    def name(self) -> str:
        """The same in every look."""
        return "/".join((self.kind, self.service, self.needs, self.instance, self.because))


@dataclass(frozen=True, slots=True)
class Mitigations:
    """`risk`: mean probability, over `exposed`, to be hurt by `sources`, as things stand. `error`:
    one standard error of it at most; 0: exact. `options`: best first. `left_out`: how many were not
    looked at, since there were too many."""

    at_s: float = UNKNOWN
    risk: float = 0.0
    error: float = 0.0
    sources: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    options: tuple[Mitigation, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """What can be done here, gathered by the loop. `can`: the runtime's verbs, `cannot`: why it
    lacks one. `routed`: service → its instances that the router has a server of. `no_router`: why
    nothing can be shed. `heeded`: edges whose breaker somebody asks or a router enforces. `open`:
    edges whose breaker is not closed. `growth`: what scaling would be, or what stands against it.
    `may`: where its owner lets this kind be done without asking."""

    can: frozenset[Capability] = frozenset()
    cannot: Mapping[Capability, str] = field(default_factory=dict)
    runtime: str = ""
    routed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    no_router: str = ""
    heeded: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    growth: Mapping[tuple[str, MitigationKind], Growth] = field(default_factory=dict)
    may: frozenset[tuple[str, MitigationKind]] = frozenset()


@dataclass(frozen=True, slots=True)
class Growth:
    """A step of scaling: `share` of its load or use that is left to each copy (0–1], in words; or
    what stands against it."""

    share: float = 1.0
    text: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mitigated:
    """One that was carried out and not taken back yet."""

    action_id: str
    kind: ActionKind
    service: str
    because: str
    step: Step
    since_s: float
    incident_id: str | None = None
    has_passed: bool = False

    @property
    def needs(self) -> str:
        """Of `degrade`: the dependency that is not called any more."""
        return str(self.step.parameters.get(NEEDS, ""))
