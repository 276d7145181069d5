"""Made-up stacks with a hidden truth, faults that spread in them, and what Everup would see of it.

A stack of 12 to 500 services: each needs one to three of those before it, well-known ones more
often; in one of six some need each other in circles. What its owner declares is the kind alone,
all weights being 1. The truth behind it is drawn per edge: a failure passes a hard one with about
0.8, a soft one with about 0.3, after 2 to 40 s. Who is hurt by a hard edge fails its check, or
crashes; who is hurt by a soft one, or by one that is merely slow, fails it or is merely slow.
Nothing here calls the product.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from everup.model.kinds import UNKNOWN, DependencyKind, InstanceState, ProbeVerdict
from everup.model.observation import (
    Exit,
    Heard,
    Instance,
    InstanceObservation,
    Observation,
    ProbeReading,
    ServiceObservation,
)
from everup.model.stack import Dependency, ProbeSpec, ServiceSpec, Stack

NOW_S = 1_700_000_000.0
LEAST, MOST = 12, 500
CIRCLES_IN, SOFT_SHARE = 1 / 6, 0.3
HARD_TRUTH, SOFT_TRUTH = (8.0, 2.0), (3.0, 7.0)  # Beta
DELAY_MEDIAN_S, DELAY_SIGMA, DELAY_LEAST_S, DELAY_MOST_S = 8.0, 0.7, 2.0, 40.0
SEVERAL_FAULTS_IN = 0.3
SAMPLE_S, LATE_S = 5.0, 30.0
LATE_IN, MISSING_IN, BLIP_IN, SLOW_IN = 0.05, 0.03, 0.02, 0.02
HOW_FAULTS_SHOW, HOW_OFTEN = ("crash", "hang", "says no"), (0.4, 0.3, 0.3)
CRASHED_VICTIMS, SILENT_VICTIMS, FAILING_MILD_VICTIMS = 0.1, 0.15, 0.6


@dataclass(frozen=True)
class Made:
    """A stack as declared, and per edge (dependent, target) what is true of it."""

    stack: Stack
    truth: dict[tuple[str, str], float]
    kinds: dict[tuple[str, str], DependencyKind]
    dependents: dict[str, list[str]]


@dataclass
class Outbreak:
    """Faults by service and moment; who was hurt when; how each of them shows."""

    faults: dict[str, float] = field(default_factory=dict)
    hurt: dict[str, float] = field(default_factory=dict)
    shows: dict[str, str] = field(default_factory=dict)


def make(draw: np.random.Generator, size: int | None = None) -> Made:
    """One stack."""
    count = size or int(np.exp(draw.uniform(np.log(LEAST), np.log(MOST + 1))))
    names = [f"s{index:03d}" for index in range(count)]
    draw.shuffle(names)  # a name tells nothing of the place
    fame = np.ones(count)
    edges: dict[str, dict[str, DependencyKind]] = {name: {} for name in names}
    for index in range(1, count):
        chance = fame[:index] / fame[:index].sum()
        needs = draw.choice(
            index, size=min(index, int(draw.integers(1, 4))), replace=False, p=chance
        )
        for target in needs:
            edges[names[index]][names[int(target)]] = _kind(draw)
            fame[int(target)] += 1.0
    if draw.random() < CIRCLES_IN:
        for _ in range(int(draw.integers(1, 4))):
            low, high = sorted(int(i) for i in draw.choice(count, size=2, replace=False))
            if names[high] not in edges[names[low]]:
                edges[names[low]][names[high]] = _kind(draw)
    truth: dict[tuple[str, str], float] = {}
    dependents: dict[str, list[str]] = {name: [] for name in names}
    services = {}
    for name, needs_of in edges.items():
        for target, kind in needs_of.items():
            a, b = HARD_TRUTH if kind is DependencyKind.HARD else SOFT_TRUTH
            truth[name, target] = float(draw.beta(a, b))
            dependents[target].append(name)
        services[name] = ServiceSpec(
            name=name,
            probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
            depends_on=tuple(Dependency(t, k) for t, k in sorted(needs_of.items())),
        )
    kinds = {(name, target): k for name, found in edges.items() for target, k in found.items()}
    return Made(Stack("made", services), truth, kinds, dependents)


def _kind(draw: np.random.Generator) -> DependencyKind:
    return DependencyKind.SOFT if draw.random() < SOFT_SHARE else DependencyKind.HARD


def spread(made: Made, faults: dict[str, float], draw: np.random.Generator) -> Outbreak:
    """What becomes of these faults: each edge passes on once, or never."""
    found = Outbreak(dict(faults))
    queue = [(at_s, name, "") for name, at_s in faults.items()]
    heapq.heapify(queue)
    while queue:
        at_s, name, by = heapq.heappop(queue)
        if name in found.shows:
            continue
        if by:
            found.hurt[name] = at_s
            is_mild = made.kinds[name, by] is DependencyKind.SOFT or found.shows[by] == "slow"
            found.shows[name] = _victim_shows(is_mild, draw)
        else:
            found.shows[name] = str(draw.choice(HOW_FAULTS_SHOW, p=HOW_OFTEN))
        for dependent in made.dependents[name]:
            if dependent in faults or dependent in found.shows:
                continue
            if draw.random() < made.truth[dependent, name]:
                delay_s = float(draw.lognormal(np.log(DELAY_MEDIAN_S), DELAY_SIGMA))
                delay_s = min(DELAY_MOST_S, max(DELAY_LEAST_S, delay_s))
                heapq.heappush(queue, (at_s + delay_s, dependent, name))
    return found


def _victim_shows(is_mild: bool, draw: np.random.Generator) -> str:
    if is_mild:
        return "says no" if draw.random() < FAILING_MILD_VICTIMS else "slow"
    luck = draw.random()
    if luck < CRASHED_VICTIMS:
        return "crash"
    return "silent" if luck < CRASHED_VICTIMS + SILENT_VICTIMS else "says no"


def pick_faults(made: Made, draw: np.random.Generator) -> dict[str, float]:
    """One fault, in three of ten stacks two or three, within 20 s; anywhere in the stack."""
    names = list(made.stack.services)
    count = 1 if draw.random() >= SEVERAL_FAULTS_IN else int(draw.integers(2, 4))
    chosen = draw.choice(len(names), size=count, replace=False)
    return {
        names[int(i)]: NOW_S + (0.0 if n == 0 else float(draw.uniform(0, 20)))
        for n, i in enumerate(chosen)
    }


def observe(made: Made, outbreak: Outbreak, draw: np.random.Generator) -> Observation:
    """What is seen one to two minutes after the first fault: some of it late, some not at all."""
    now_s = NOW_S + float(draw.uniform(60.0, 120.0))
    seen: dict[str, ServiceObservation] = {}
    for name in made.stack.services:
        is_late = draw.random() < LATE_IN
        age_s = float(draw.uniform(0.0, LATE_S if is_late else SAMPLE_S))
        seen[name] = _seen(name, now_s - age_s, outbreak, draw)
    return Observation(now_s, seen)


def _seen(
    name: str, at_s: float, outbreak: Outbreak, draw: np.random.Generator
) -> ServiceObservation:
    is_missing = draw.random() < MISSING_IN
    how = outbreak.shows.get(name, "well")
    since_s = {**outbreak.hurt, **outbreak.faults}.get(name, float("inf"))
    if at_s < since_s:
        how = "well"
    if is_missing:
        return _service(name, ProbeReading(has_ever_passed=True), at_s, "S")
    if how == "crash":
        ended = Exit(since_s, 1, ran_s=5000.0)
        instance = Instance(
            name, f"{name}-1", f"{name}-1@1", InstanceState.EXITED, NOW_S - 5000.0, exit=ended
        )
        found = InstanceObservation(instance, None, read_at_s=at_s)
        return ServiceObservation(name, (found,), exits=(ended,))
    if how == "well":
        return _well(name, at_s, draw)
    if how == "slow":
        slow = ProbeReading(
            ProbeVerdict.PASS,
            at_s,
            1.6,
            successes_in_a_row=1,
            error_ratio=0.3,
            has_ever_passed=True,
        )
        return _service(name, slow, at_s, "S")
    first_s = at_s - SAMPLE_S * int((at_s - since_s) // SAMPLE_S)
    fails = 1 + int((at_s - first_s) // SAMPLE_S)
    is_told = how == "says no"
    failing = ProbeReading(
        ProbeVerdict.FAIL,
        at_s,
        latency_s=0.01 if is_told else 2.0,
        detail="answered 503" if is_told else "no answer in 2 s",
        failures_in_a_row=fails,
        since_s=first_s,
        error_ratio=min(1.0, fails / 20),
        has_ever_passed=True,
        heard=Heard.ANSWER if is_told else Heard.SILENCE,
        told_since_s=first_s if is_told else UNKNOWN,
    )
    letter = "T" if how == "hang" else "S"
    return _service(name, failing, at_s, letter, since_s if how == "hang" else UNKNOWN)


def _well(name: str, at_s: float, draw: np.random.Generator) -> ServiceObservation:
    luck = draw.random()
    if luck < BLIP_IN:
        blip = ProbeReading(
            ProbeVerdict.FAIL,
            at_s,
            2.0,
            "no answer in 2 s",
            failures_in_a_row=1,
            since_s=at_s,
            error_ratio=0.05,
            has_ever_passed=True,
            heard=Heard.SILENCE,
        )
        return _service(name, blip, at_s, "S")
    latency_s = 1.5 if luck < BLIP_IN + SLOW_IN else 0.02
    passing = ProbeReading(
        ProbeVerdict.PASS,
        at_s,
        latency_s,
        successes_in_a_row=50,
        since_s=NOW_S - 1000.0,
        error_ratio=0.0,
        has_ever_passed=True,
    )
    return _service(name, passing, at_s, "S")


def _service(
    name: str, reading: ProbeReading, at_s: float, letter: str, stuck_s: float = UNKNOWN
) -> ServiceObservation:
    instance = Instance(
        name,
        f"{name}-1",
        f"{name}-1@1",
        InstanceState.RUNNING,
        NOW_S - 5000.0,
        process_state=letter,
    )
    seen = InstanceObservation(
        instance, reading, 0.2, 0.3, idle_since_s=stuck_s, read_at_s=at_s, stuck_since_s=stuck_s
    )
    return ServiceObservation(name, (seen,))
