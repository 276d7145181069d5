"""Cascades in made-up stacks: `python -m benchmarks.cascade --json OUT`.

For each seed one stack (see `faulty_stacks`), observed once while faults spread in it. Measured is
the product's own code with the settings that ship: what it suspects first (top-1), whom it would
touch (confirmed roots that the gate's order of dependencies lets pass) and who of these is a
victim, how well its cascade risk is
calibrated, and how long a pass takes at 500 services. Two simple methods stand beside it in the
same run. The numbers of the product were chosen on seeds below 10000 only.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.faulty_stacks import NOW_S, Made, Outbreak, make, observe, pick_faults, spread
from everup.dependency_monitor import Closures, build_graph, relate
from everup.dependency_monitor.cascade import cascade_risk
from everup.dependency_monitor.fault_model import RARELY, fault_model, links_of
from everup.dependency_monitor.learned import Illness, Tallies, learn
from everup.dependency_monitor.reach import reach
from everup.model.assessment import Assessment, OwnHealth, Relations
from everup.model.decision import Expectation, Proposal, Step
from everup.model.kinds import FORETOLD, ActionKind, Cause, Origin, ProbeVerdict
from everup.model.observation import Observation
from everup.model.propagation import FaultModel
from everup.model.settings import Settings
from everup.model.state import Memory, ServiceMemory, StackState
from everup.predictive_monitor import score
from everup.safety.context import Context
from everup.safety.order import dependency_order

FIRST_SEED, STACKS = 31_000, 500
BINS = 10
PAST_LEAST, PAST_MOST = 10, 60
EPISODE_APART_S, EPISODE_LASTS_S = 3600.0, 300.0
FAILING_SOON_IN, FAILING_SOON = 0.08, (0.05, 0.6)
METHODS = ("Everup", "deepest sick", "most dependents")


@dataclass(frozen=True)
class Judged:
    """One stack."""

    seed: int
    services: int
    faults: tuple[str, ...]
    is_visible: bool
    first: dict[str, str]
    touched: tuple[str, ...]
    wrong: tuple[str, ...]
    why: tuple[str, ...]
    held: int


def judge(seed: int) -> tuple[Judged, list[tuple[str, float, float]]]:
    """Its faults as diagnosed, and (what, predicted, happened) of its risks."""
    draw = np.random.default_rng(seed)
    made = make(draw)
    graph, settings, state = build_graph(made.stack), Settings(), StackState()
    faults = pick_faults(made, draw)
    outbreak = spread(made, faults, draw)
    seen = observe(made, outbreak, draw)
    own = score(made.stack, seen, state, settings)
    relations = relate(made.stack, seen, own, graph, state, settings)
    context = _context(made, seen, own, relations)
    touched = [r for r in relations.roots if _is_acted_upon(r, context)]
    wrong = tuple(r for r in touched if r not in faults)
    judged = Judged(
        seed,
        len(made.stack.services),
        tuple(faults),
        bool(relations.findings),
        {
            "Everup": relations.suspects[0].service if relations.suspects else "",
            "deepest sick": _deepest(made, seen),
            "most dependents": _most_dependents(made, seen),
        },
        tuple(touched),
        wrong,
        tuple(_why(r, relations, outbreak, made, own) for r in wrong),
        sum(f.is_root and not f.is_confirmed for f in relations.findings.values()),
    )
    return judged, _risks(made, draw, seed)


def _context(made: Made, seen: Observation, own: OwnHealth, relations: Relations) -> Context:
    graph = build_graph(made.stack)
    known = {name: ServiceMemory(first_seen_s=NOW_S - 500.0) for name in made.stack.services}
    return Context(
        stack=made.stack,
        settings=Settings(),
        observation=seen,
        assessment=Assessment(own, relations),
        state=StackState(),
        memory=Memory(known, looks=9, first_look_s=NOW_S - 500.0, complete_since_s=NOW_S - 400.0),
        hard_closure=Closures(graph),
        local_minute=600,
        weekday=0,
    )


def _is_acted_upon(name: str, context: Context) -> bool:
    """A confirmed root whose needs the gate's own check of their order lets be touched. No other
    check is asked: a freeze or a rate would only hide a wrong choice."""
    found = context.assessment.relations.findings[name]
    if not found.is_confirmed or found.cause in FORETOLD | {Cause.STOPPED_ON_PURPOSE}:
        return False
    step = Step(ActionKind.CONTAINER_RESTART, name)
    asked = Proposal(
        key=name,
        origin=Origin.RECOVERY,
        service=name,
        steps=(step,),
        reason=found.reason,
        cause=found.cause,
        expectation=Expectation(name, deadline_s=90.0),
        on_running=not found.is_dead,
    )
    return dependency_order(asked, context) is None


def _why(
    name: str,
    relations: Relations,
    outbreak: Outbreak,
    made: Made,
    own: OwnHealth,
) -> str:
    needs = []
    for edge in made.stack.services[name].depends_on:
        if edge.target in outbreak.faults or edge.target in outbreak.hurt:
            state = own.services[edge.target].condition
            needs.append(f"{edge.kind} {edge.target} seen as {state}")
    found = relations.findings[name]
    return f"{name}: {found.cause}; its ill needs: {', '.join(needs) or 'none'}"


def _sick(seen: Observation) -> dict[str, float]:
    """What a simple method sees: dead, or the latest probe failed, and since when."""
    found = {}
    for name, service in seen.services.items():
        instance = service.instances[0]
        if instance.instance.exit is not None:
            found[name] = instance.instance.exit.at_s
        elif instance.probe is not None and instance.probe.verdict is ProbeVerdict.FAIL:
            found[name] = instance.probe.since_s
    return found


def _deepest(made: Made, seen: Observation) -> str:
    """Of the sick that need nobody sick, the first one to fall."""
    sick = _sick(seen)
    ends = [
        n
        for n in sick
        if not any(edge.target in sick for edge in made.stack.services[n].depends_on)
    ]
    return min(ends or sick, key=lambda n: (sick[n], n), default="")


def _most_dependents(made: Made, seen: Observation) -> str:
    sick = _sick(seen)
    return max(sick, key=lambda n: (len(made.dependents[n]), -sick[n]), default="")


def _risks(made: Made, draw: np.random.Generator, seed: int) -> list[tuple[str, float, float]]:
    """Risks foretold with declared, learned and true weights, beside one future that came."""
    graph = build_graph(made.stack)
    declared = links_of(graph)
    own_failure = {
        name: float(draw.uniform(*FAILING_SOON)) if draw.random() < FAILING_SOON_IN else RARELY
        for name in made.stack.services
    }
    faults = {n: NOW_S for n, chance in own_failure.items() if draw.random() < chance}
    outbreak = spread(made, faults, draw)
    learned = links_of(graph, _past(made, draw))
    true = tuple(replace(k, probability=made.truth[k.dependent, k.target]) for k in declared)
    found: list[tuple[str, float, float]] = []
    for what, links in (("declared", declared), ("learned", learned), ("true", true)):
        model = FaultModel(graph.order, links, own_failure)
        risk = cascade_risk(model, seed=seed, reaches=reach(model, sources=()))
        found += [
            (what, chance, float(name in outbreak.hurt)) for name, chance in risk.services.items()
        ]
        found.append((f"{what}, stack", risk.stack, float(bool(outbreak.hurt))))
    return found


def _past(made: Made, draw: np.random.Generator) -> Tallies:
    """What Everup has learned of some weeks: episodes of single faults, seen with its clock."""
    names = list(made.stack.services)
    illnesses: list[Illness] = []
    for episode in range(int(draw.integers(PAST_LEAST, PAST_MOST))):
        at_s = NOW_S - (episode + 1) * EPISODE_APART_S
        ill = spread(made, {names[int(draw.integers(len(names)))]: at_s}, draw)
        begun = {**ill.faults, **ill.hurt}
        for name, from_s in begun.items():
            seen_s = from_s + float(draw.uniform(0.0, 5.0))
            illnesses.append(Illness(name, seen_s, at_s + EPISODE_LASTS_S))
    return learn({}, links_of(build_graph(made.stack)), illnesses)


def calibration(pairs: Sequence[tuple[float, float]]) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error over equal bins, and the curve."""
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    place = np.minimum((values[:, 0] * BINS).astype(int), BINS - 1)
    error, curve = 0.0, []
    for b in range(BINS):
        mine = values[place == b]
        if len(mine):
            said, came = float(mine[:, 0].mean()), float(mine[:, 1].mean())
            error += abs(said - came) * len(mine) / len(values)
            curve.append({"said": said, "came": came, "count": float(len(mine))})
    return error, curve


def timings(size: int, repeats: int) -> dict[str, float]:
    """Median milliseconds of processor time of each stage at this size, and of all together."""
    draw = np.random.default_rng(1)
    made = make(draw, size)
    settings, state, graph = Settings(), StackState(), build_graph(made.stack)
    outbreak = spread(made, pick_faults(made, draw), draw)
    seen = observe(made, outbreak, draw)
    own = score(made.stack, seen, state, settings)
    model = fault_model(graph, own)
    stages: dict[str, Callable[[], object]] = {
        "relate": lambda: relate(made.stack, seen, own, graph, state, settings),
        "risk, paths, single points": lambda: cascade_risk(model),
    }
    found = {name: _median_ms(call, repeats) for name, call in stages.items()}
    return {**found, "a pass": sum(found.values())}


def _median_ms(call: Callable[[], object], repeats: int) -> float:
    call()
    taken = []
    for _ in range(repeats):
        before_s = time.process_time()
        call()
        taken.append(time.process_time() - before_s)
    return 1e3 * float(np.median(taken))


def main() -> None:
    """Runs all seeds, prints, writes."""
    parser = argparse.ArgumentParser(prog="benchmarks.cascade", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stacks", type=int, default=STACKS)
    parser.add_argument("--from", type=int, default=FIRST_SEED, dest="first")
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    judged: list[Judged] = []
    risks: dict[str, list[tuple[float, float]]] = {}
    for seed in range(asked.first, asked.first + asked.stacks):
        one, foretold = judge(seed)
        judged.append(one)
        for what, said, came in foretold:
            risks.setdefault(what, []).append((said, came))
    told = summary(judged, risks)
    told["ms at 500 services"] = timings(500, asked.repeats)
    show(told, judged)
    if asked.json:
        told["stacks"] = [asdict(j) for j in judged]
        asked.json.write_text(json.dumps(told, indent=2) + "\n")


def summary(
    judged: Sequence[Judged], risks: dict[str, list[tuple[float, float]]]
) -> dict[str, object]:
    """Everything that is reported but times. A stack in which nothing can be seen yet counts."""
    count = max(1, len(judged))
    seen = [j for j in judged if j.is_visible]
    kept = {what: calibration(pairs) for what, pairs in risks.items()}
    return {
        "top-1": {m: sum(j.first[m] in j.faults for j in judged) / count for m in METHODS},
        "top-1 where anything was seen": {
            m: sum(j.first[m] in j.faults for j in seen) / max(1, len(seen)) for m in METHODS
        },
        "stacks": len(judged),
        "with nothing to see": len(judged) - len(seen),
        "touched": sum(len(j.touched) for j in judged),
        "victims wrongly touched": sum(len(j.wrong) for j in judged),
        "faults": sum(len(j.faults) for j in judged),
        "faults touched at this look": sum(sum(f in j.touched for f in j.faults) for j in judged),
        "held in doubt": sum(j.held for j in judged),
        "calibration error": {what: error for what, (error, _) in kept.items()},
        "calibration curve": {what: curve for what, (_, curve) in kept.items()},
    }


def show(told: dict[str, object], judged: Sequence[Judged]) -> None:
    """The short of it."""
    table = Table("what", "value")
    for what, value in told.items():
        if what == "calibration curve":
            continue
        text = str(value)
        if isinstance(value, dict):
            text = ", ".join(f"{k} {v:.3f}" for k, v in value.items())
        table.add_row(what, text)
    Console().print(table)
    for one in judged:
        for why in one.why:
            print(f"seed {one.seed}: {why}")
    kinds = Counter(j.first["Everup"] in j.faults for j in judged)
    print(f"first suspect right {kinds[True]}, wrong {kinds[False]}")


if __name__ == "__main__":
    main()
