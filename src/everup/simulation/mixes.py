"""The classes of runs: what a stack is like and what goes wrong in it, by name.

`MIXES[name]` is part of what a seed means; change one and its seeds mean other days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.kinds import Mode
from everup.runtimes.simulated.nature import Reaction
from everup.simulation.plans import Kind, PlanMix
from everup.simulation.stacks import StackMix

DEATHS = {Kind.CRASH: 3.0, Kind.OUT_OF_MEMORY: 1.0, Kind.QUIET_EXIT: 0.5}
LOOPS = {Kind.CRASH_LOOP: 2.0, Kind.CRASH_FOR_EVER: 0.5}
HANGS = {Kind.SLEEP: 1.5, Kind.STOP_SIGNAL: 1.5, Kind.SPIN: 0.7, Kind.ERRORS: 1.0}
LOADS = {Kind.LEAK: 0.7, Kind.SLOW: 0.5, Kind.SURGE: 0.7}
HARMLESS = {Kind.GC_PAUSE: 1.0, Kind.PAUSE: 0.7, Kind.OUTSIDE_STOP: 0.5, Kind.CHANGE: 0.7}
BLIND = {Kind.NO_NAMES: 1.0, Kind.NO_SOCKETS: 0.7, Kind.STARVED: 1.0, Kind.DEAF: 0.5}
ENGINE = {
    Kind.ENGINE_RAISES: 1.0,
    Kind.ENGINE_SAYS_SO: 0.7,
    Kind.ENGINE_HANGS: 1.0,
    Kind.STALE: 0.7,
}
JOURNAL = {Kind.JOURNAL_REFUSES: 1.0, Kind.JOURNAL_AMBIGUOUS: 1.0, Kind.JOURNAL_SLOW: 0.5}


def _weights(*parts: tuple[Mapping[Kind, float], float]) -> dict[Kind, float]:
    found: dict[Kind, float] = {}
    for part, factor in parts:
        for kind, weight in part.items():
            found[kind] = found.get(kind, 0.0) + factor * weight
    return found


@dataclass(frozen=True, slots=True)
class Mix:
    """One class of runs."""

    stack: StackMix
    plan: PlanMix


MIXES: Mapping[str, Mix] = {
    "mixed": Mix(
        StackMix(),
        PlanMix(
            _weights(
                (DEATHS, 1.0),
                (LOOPS, 0.7),
                (HANGS, 1.0),
                (LOADS, 0.7),
                (HARMLESS, 0.7),
                (BLIND, 0.5),
                (ENGINE, 0.4),
                (JOURNAL, 0.4),
                ({Kind.ACTUATOR: 3.0, Kind.HANG_LOOP: 1.0, Kind.SUSPEND: 0.5}, 0.7),
            ),
            troubles=(6, 14),
            pauses_share=0.1,
        ),
    ),
    "loops": Mix(
        StackMix(),
        PlanMix(_weights((LOOPS, 2.0), (DEATHS, 1.0), ({Kind.HANG_LOOP: 4.0}, 1.0)), kills=(1, 4)),
    ),
    "cascade": Mix(
        StackMix(
            without_probe_share=0.05,
            reactions=(
                (Reaction.CRASH, 0.4),
                (Reaction.STAY_BROKEN, 0.35),
                (Reaction.HANG, 0.15),
                (Reaction.FAIL, 0.1),
            ),
        ),
        PlanMix(_weights((DEATHS, 1.0), (HANGS, 2.0), ({Kind.HANG_LOOP: 1.0}, 1.0))),
    ),
    "blind": Mix(
        StackMix(),
        PlanMix(
            _weights((BLIND, 2.0), (ENGINE, 2.0), (DEATHS, 0.5), (HANGS, 0.5)), troubles=(6, 12)
        ),
    ),
    "hands": Mix(
        StackMix(),
        PlanMix(
            _weights((DEATHS, 1.0), (HANGS, 1.0), ({Kind.ACTUATOR: 8.0}, 1.0)),
            troubles=(8, 16),
            bursts_share=0.6,
        ),
    ),
    "journal": Mix(
        StackMix(),
        PlanMix(
            _weights((DEATHS, 1.0), (HANGS, 1.0), (JOURNAL, 2.5)),
            troubles=(6, 14),
            kills=(2, 6),
            bursts_share=0.6,
            pauses_share=0.3,
        ),
    ),
    "innocent": Mix(
        StackMix(one_shot_share=1.0, several_share=0.4),
        PlanMix(
            _weights((HARMLESS, 3.0), (DEATHS, 0.6), ({Kind.SUSPEND: 1.0, Kind.SURGE: 1.0}, 1.0)),
            troubles=(8, 16),
            wishes=(2, 6),
        ),
    ),
    "strains": Mix(
        StackMix(several_share=0.8),
        PlanMix(
            _weights(({Kind.LEAK: 6.0, Kind.SLOW: 1.0, Kind.SURGE: 1.0}, 1.0), (DEATHS, 0.5)),
            troubles=(8, 16),
        ),
    ),
    "deploys": Mix(
        StackMix(several_share=0.3),
        PlanMix(
            _weights(
                ({Kind.DEPLOY: 2.0, Kind.BAD_DEPLOY: 4.0, Kind.BAD_DEPLOY_TWICE: 1.0}, 1.0),
                (DEATHS, 1.0),
                (LOOPS, 0.5),
                (HANGS, 0.5),
                ({Kind.ACTUATOR: 1.0, Kind.CHANGE: 0.5}, 1.0),
            ),
            troubles=(6, 12),
        ),
    ),
    "probation": Mix(
        StackMix(several_share=0.3),
        PlanMix(
            _weights(
                ({Kind.DEPLOY: 3.0, Kind.SLOW_DEPLOY: 4.0, Kind.TWO_DEPLOYS: 1.5}, 1.0),
                ({Kind.SURGE: 1.5, Kind.GC_PAUSE: 0.5, Kind.CHANGE: 0.5}, 1.0),
                (DEATHS, 0.3),
            ),
            troubles=(5, 10),
            kills=(0, 2),
        ),
    ),
    "numbers": Mix(
        StackMix(several_share=0.9),
        PlanMix(
            _weights(
                ({Kind.RENUMBERED: 6.0, Kind.DEPLOY: 1.0, Kind.BAD_DEPLOY: 1.0}, 1.0),
                ({Kind.SURGE: 0.5, Kind.CHANGE: 0.5, Kind.ACTUATOR: 0.5}, 1.0),
                (DEATHS, 0.3),
            ),
            troubles=(5, 10),
            kills=(0, 2),
        ),
    ),
    "files": Mix(
        StackMix(several_share=0.3, with_files=True),
        PlanMix(
            _weights(
                ({Kind.BAD_FILE: 4.0, Kind.FILE: 2.0, Kind.LOW_LIMIT: 2.0}, 1.0),
                ({Kind.DEPLOY: 1.0, Kind.BAD_DEPLOY: 1.0, Kind.SLOW_DEPLOY: 1.0}, 1.0),
                (DEATHS, 0.7),
                (HANGS, 0.3),
                ({Kind.ACTUATOR: 1.0, Kind.CHANGE: 0.3}, 1.0),
            ),
            troubles=(4, 8),
        ),
    ),
    "demand": Mix(
        StackMix(several_share=0.8, demand_share=0.5),
        PlanMix(
            _weights(
                ({Kind.SLOW: 1.0, Kind.SURGE: 2.0, Kind.SUSPEND: 0.5, Kind.DEPLOY: 0.5}, 1.0),
                (DEATHS, 1.0),
                (HANGS, 0.7),
                (BLIND, 0.3),
                ({Kind.ACTUATOR: 1.0, Kind.RENUMBERED: 0.5}, 1.0),
            ),
            troubles=(5, 10),
        ),
    ),
    "observe": Mix(
        StackMix(mode=Mode.OBSERVE),
        PlanMix(_weights((DEATHS, 1.0), (HANGS, 1.0), (LOOPS, 0.5)), wishes=(2, 6)),
    ),
}
"""Name → class. All but `observe` run in mode auto."""


def mix_of(number: int) -> str:
    """The class of the n-th run of a series: `mixed` every other time."""
    others = [name for name in MIXES if name != "mixed"]
    return "mixed" if number % 2 == 0 else others[(number // 2) % len(others)]
