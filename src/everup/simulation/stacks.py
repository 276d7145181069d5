"""Draws a stack and the nature of each of its services from a seed.

Flows in: a seeded random and a mix. Flows out: a `Stack` as an owner might have declared it, and
what its services are really made of. Layers: databases, then backends, then fronts, each needing
some of the layers below; hard dependencies never form a circle, so that everything can be mended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from everup.model.kinds import DependencyKind, Mode
from everup.model.scaling import Spread
from everup.model.sizing import ScalingSpec
from everup.model.stack import Dependency, Limits, ProbeSpec, ServiceSpec, Stack, StopSpec
from everup.runtimes.simulated.nature import Nature, Reaction

MIB = 1024.0 * 1024.0
BASES = ("db", "cache", "queue", "search")
MIDDLES = ("auth", "orders", "stock", "billing", "mail", "rank")
FRONTS = ("api", "web", "worker", "feed")
SERVICES_LEAST, SERVICES_MOST = 6, 14
CONFIGURATION = "/etc/main.conf"
FILES_ALLOWED_SHARE = 0.5
MORE_INSTANCES = 5
SLOWEST = 6.0
"""So many times an answer without load is as slow as answers may become."""


@dataclass(frozen=True, slots=True)
class StackMix:
    """How a stack is drawn. Shares are of services; `mode` is the stack's."""

    mode: Mode = Mode.AUTO
    other_mode_share: float = 0.05  # services that observe or approve in an auto stack
    without_probe_share: float = 0.12
    several_share: float = 0.3  # stateless services with two or three instances
    engine_restarts_share: float = 0.12
    one_shot_share: float = 0.4  # chance that the stack has a migration
    demand_share: float = 0.0  # stateless ones, whose demand comes and goes and is counted
    with_files: bool = False  # services read a file, which may be put back unasked for half of them
    reactions: tuple[tuple[Reaction, float], ...] = (
        (Reaction.FAIL, 0.35),
        (Reaction.SHRUG, 0.15),
        (Reaction.HANG, 0.15),
        (Reaction.CRASH, 0.2),
        (Reaction.STAY_BROKEN, 0.15),
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A stack and its truth."""

    stack: Stack
    natures: dict[str, Nature]


def draw_stack(random: Random, mix: StackMix) -> Drawn:
    """6 to 14 services."""
    total = random.randint(SERVICES_LEAST, SERVICES_MOST)
    bases = random.sample(BASES, random.randint(2, min(4, total // 3)))
    fronts = random.sample(FRONTS, random.randint(2, min(4, total - len(bases) - 1)))
    middles = random.sample(MIDDLES, min(len(MIDDLES), total - len(bases) - len(fronts)))
    services: dict[str, ServiceSpec] = {}
    natures: dict[str, Nature] = {}
    for layer, names in enumerate((bases, middles, fronts)):
        below = list(services)
        for name in names:
            draw = _Draw(random, mix, name, layer, below)
            services[name], natures[name] = draw.spec(), draw.nature()
    if random.random() < mix.one_shot_share:
        services["migrate"] = ServiceSpec("migrate", is_one_shot=True)
        natures["migrate"] = Nature(boot_s=1.0, job_s=random.uniform(10.0, 120.0))
    if mix.with_files:
        for name, spec in services.items():
            services[name] = replace(spec, restores_files=random.random() < FILES_ALLOWED_SHARE)
            natures[name] = replace(natures[name], files={CONFIGURATION: b"as at first\n"})
    if mix.demand_share:
        for name, spec in services.items():
            if random.random() < mix.demand_share:
                services[name] = scaled_by_demand(spec, natures[name].latency_s)
    return Drawn(Stack("simulated", services, mode=mix.mode, runtime="simulated"), natures)


def scaled_by_demand(spec: ServiceSpec, latency_s: float) -> ServiceSpec:
    """Its owner said how many there may be and how slow answers may become; a router spreads."""
    if spec.is_stateful or spec.is_one_shot:
        return spec
    return replace(
        spec,
        has_bounds=True,
        max_instances=spec.instances + MORE_INSTANCES,
        spread=Spread.ROUTER,
        scaling=ScalingSpec(latency_target_s=SLOWEST * latency_s),
    )


class _Draw:
    """One service; the order of its draws is part of what a seed means."""

    def __init__(
        self, random: Random, mix: StackMix, name: str, layer: int, below: list[str]
    ) -> None:
        self._random = random
        self._mix = mix
        self._name = name
        self._is_stateful = layer == 0 and random.random() < 0.6
        self._has_probe = random.random() >= mix.without_probe_share
        self._count = 1
        if not self._is_stateful and random.random() < mix.several_share:
            self._count = random.randint(2, 3)
        self._boot_s = random.uniform(0.5, 12.0)
        self._needs = self._draw_needs(layer, below)
        self._layer = layer

    def _draw_needs(self, layer: int, below: list[str]) -> tuple[Dependency, ...]:
        if layer == 0:
            return ()
        targets = self._random.sample(below, min(len(below), self._random.randint(1, 3)))
        return tuple(
            Dependency(
                target,
                DependencyKind.HARD if self._random.random() < 0.7 else DependencyKind.SOFT,
                weight=round(self._random.uniform(0.3, 1.0), 2),
            )
            for target in targets
        )

    def _draw_mode(self) -> Mode | None:
        if self._mix.mode is not Mode.AUTO or self._random.random() >= self._mix.other_mode_share:
            return None
        return self._random.choice((Mode.OBSERVE, Mode.APPROVE))

    def spec(self) -> ServiceSpec:
        """As declared."""
        random = self._random
        declares_start = random.random() < 0.3
        return ServiceSpec(
            self._name,
            instances=self._count,
            min_instances=max(1, self._count - 1),
            max_instances=self._count + 2,
            probe=ProbeSpec(http="http://127.0.0.1:{port}/health") if self._has_probe else None,
            port=random.randint(20, 50) * 100 if self._has_probe else None,
            depends_on=self._needs,
            limits=Limits(memory_bytes=512 * MIB if random.random() < 0.8 else float("nan")),
            priority=10 * (2 - self._layer) + random.randint(0, 3),
            is_stateful=self._is_stateful,
            start_period_s=round(self._boot_s * 2 + 10.0) if declares_start else 0.0,
            stop=StopSpec(grace_s=float(random.choice((2, 5, 10)))),
            mode=self._draw_mode(),
        )

    def nature(self) -> Nature:
        """As it is."""
        random = self._random
        capacity = random.uniform(80.0, 200.0)
        share = random.uniform(0.1, 0.45)  # so that one instance fewer still suffices
        kinds, weights = zip(*self._mix.reactions, strict=True)
        reaction = random.choices(kinds, weights)[0]
        if not self._has_probe and reaction in (Reaction.HANG, Reaction.STAY_BROKEN):
            reaction = Reaction.CRASH  # nobody could ever see the other two
        return Nature(
            boot_s=self._boot_s,
            warm_up_s=random.uniform(0.0, 20.0),
            stop_s=random.uniform(0.1, 1.5),
            latency_s=random.uniform(0.002, 0.03),
            capacity_rps=capacity,
            demand_rps=capacity * self._count * share,
            on_cut=reaction,
            cut_after_s=random.uniform(2.0, 25.0),
            recovery_s=random.uniform(15.0, 120.0) if self._is_stateful else 0.0,
            engine_restarts=(
                not self._is_stateful and random.random() < self._mix.engine_restarts_share
            ),
        )
