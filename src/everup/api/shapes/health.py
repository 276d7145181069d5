"""Liveness, component states and health scores."""

from __future__ import annotations

from typing import Literal

from everup.api.shapes.base import Known, Shape
from everup.model.kinds import Cause, Condition, Mode


class FreezeShape(Shape):
    """One freeze. `scope` "" is the whole stack; `until_s` null: until it is lifted by hand."""

    scope: str
    reason: str
    by: str
    since_s: Known
    until_s: Known


class HealthShape(Shape):
    """`status`: ok, starting (before the first look), stale (the loop has stopped looking), or
    degraded (it looks, but something of its own fails) or halted (this process will never act
    again, as another controller has taken over). `cannot_act`: why nothing would be done
    whatever the mode, "" when it may. `failing`: flaws of Everup or a plugin that show now."""

    status: Literal["ok", "starting", "stale", "degraded", "halted"]
    last_look_age_s: Known
    look_expected_every_s: float
    journal: str
    journal_waiting: int
    journal_shed: int
    cannot_act: str
    failing: list[str]
    mode: Mode
    frozen: bool
    freezes: list[FreezeShape]
    monitor_fault: str
    stack: str
    version: str


class MonitorShape(Shape):
    """predictive_monitor: what is scored. `learned_models` is 0 while scores come from rules."""

    state: Literal["running", "waiting"]
    last_look_s: Known
    services: int
    services_known: int
    lowest_score: Known
    learned_models: int
    predictions: int


class RecoveryShape(Shape):
    """automated_recovery: what is wrong and what is being done."""

    state: Literal["running", "waiting", "frozen", "blind", "halted"]
    reason: str
    mode: Mode
    incidents_open: int
    actions_in_flight: int
    services_with_a_person: list[str]
    recent_actions: int
    recent_actions_passed: int


class DependenciesStatusShape(Shape):
    """dependency_monitor: the graph and who hurts whom. `breakers_open`: `service>target` of those
    that are open or half open; `mitigations`: what is in force to keep trouble from spreading."""

    state: Literal["running", "waiting"]
    services: int
    dependencies: int
    critical_dependencies: int
    breakers_open: list[str]
    mitigations: list[str]
    roots: list[str]
    victims: list[str]


class ScalingStatusShape(Shape):
    """auto_scaler. `changed`: services that are not as declared. `services`: that are followed,
    `scalable`: whose number Everup may change, `services_learned`: of which the forecast decides.
    `wants`: what should be of another size, in words; `waiting`: how many of these wait. `fault`:
    why nothing could be thought over lately."""

    state: Literal["running", "learning", "waiting", "off"]
    learned: bool = False
    changed: list[str]
    services: int = 0
    scalable: int = 0
    services_learned: int = 0
    wants: tuple[str, ...] = ()
    waiting: int = 0
    fault: str = ""


class SafePointShape(Shape):
    """What a service can go back to."""

    service: str
    version: str
    title: str
    kept_at_s: float


class RollbackStatusShape(Shape):
    """`unproven`: services that were changed and were not well for long enough since. `snapshots`:
    how many are kept; `fault`: why none can be; `harms`: objects that were not as they should."""

    state: Literal["running", "switched_off"]
    safe_points: tuple[SafePointShape, ...] = ()
    unproven: tuple[str, ...] = ()
    snapshots: int = 0
    fault: str = ""
    harms: int = 0


class ComponentsShape(Shape):
    """All five."""

    predictive_monitor: MonitorShape
    automated_recovery: RecoveryShape
    dependency_monitor: DependenciesStatusShape
    rollback_manager: RollbackStatusShape
    auto_scaler: ScalingStatusShape


class CoverageShape(Shape):
    """How much can be judged. `judged`: service → by what (its healthcheck, a declared probe, or
    what it is known to speak). `only_seen`: service → why it can only be seen to run. `fix`: what
    would change that, "" where nothing needs to."""

    text: str
    judged: dict[str, str]
    only_seen: dict[str, str]
    fix: str


class StatusShape(Shape):
    """The state of all five components. `mismatches`: where what runs is not what is declared, as
    a removed service that runs on, with what would mend it."""

    stack: str
    version: str
    mode: Mode
    time_scale: float
    running_since_s: Known
    last_look_age_s: Known
    monitor_fault: str
    journal_fault: str
    mismatches: list[str]
    coverage: CoverageShape
    freezes: list[FreezeShape]
    components: ComponentsShape


class ContributionShape(Shape):
    """One signal's share of the lost health."""

    signal: str
    value: Known
    loss: Known
    text: str


class ServiceHealthShape(Shape):
    """Health of one service. `score` null: nothing is known, which is not the same as unwell."""

    service: str
    score: Known
    condition: Condition
    cause: Cause | None = None
    reason: str = ""
    explained_by: tuple[str, ...] = ()
    purpose: str = "run"
    contributions: tuple[ContributionShape, ...] = ()


class HealthScoresShape(Shape):
    """A score for every declared service. `at_s` null: there was no look yet."""

    at_s: Known
    threshold: float
    services: dict[str, ServiceHealthShape]
