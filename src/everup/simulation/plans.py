"""What will go wrong, and when: a plan drawn from a seed before anything runs.

Flows in: a seeded random, a mix, a stack. Flows out: a `Plan` of troubles, kills of the controller
and people's wishes, in the order of their time. The plan never depends on what the controller does,
so a change of Everup meets the same day. Carried out by `troubles`, `kills` and `people`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from everup.model.request import Verb
from everup.model.stack import Stack

FIRST_TROUBLE_T = 150.0
TROUBLES_LEAST = 3


class Kind(StrEnum):
    """Troubles of the world, its senses and its hands."""

    CRASH = "crash"
    OUT_OF_MEMORY = "out_of_memory"
    CRASH_LOOP = "crash_loop"
    CRASH_FOR_EVER = "crash_for_ever"
    QUIET_EXIT = "quiet_exit"
    SLEEP = "sleep"
    STOP_SIGNAL = "stop_signal"
    SPIN = "spin"
    ERRORS = "errors"
    HANG_LOOP = "hang_loop"
    LEAK = "leak"
    GC_PAUSE = "gc_pause"
    SLOW = "slow"
    SURGE = "surge"
    PAUSE = "pause"
    OUTSIDE_STOP = "outside_stop"
    CHANGE = "change"
    DEPLOY = "deploy"
    BAD_DEPLOY = "bad_deploy"
    BAD_DEPLOY_TWICE = "bad_deploy_twice"
    SLOW_DEPLOY = "slow_deploy"
    TWO_DEPLOYS = "two_deploys"
    RENUMBERED = "renumbered"
    LOW_LIMIT = "low_limit"
    FILE = "file"
    BAD_FILE = "bad_file"
    NO_NAMES = "no_names"
    NO_SOCKETS = "no_sockets"
    STARVED = "starved"
    ENGINE_RAISES = "engine_raises"
    ENGINE_SAYS_SO = "engine_says_so"
    ENGINE_HANGS = "engine_hangs"
    STALE = "stale"
    DEAF = "deaf"
    SUSPEND = "suspend"
    ACTUATOR = "actuator"
    JOURNAL_REFUSES = "journal_refuses"
    JOURNAL_AMBIGUOUS = "journal_ambiguous"
    JOURNAL_SLOW = "journal_slow"


ON_A_SERVICE = frozenset(tuple(Kind)[: tuple(Kind).index(Kind.NO_NAMES)])
SERVING_ONLY = ON_A_SERVICE - {Kind.CRASH}


class Point(StrEnum):
    """Where in its work a controller is killed."""

    ANYWHERE = "anywhere"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    AFTER_INTENT = "after_intent"  # the intent stands, nothing was called yet
    AT_CALL = "at_call"  # the call has reached the world
    AFTER_CALL = "after_call"  # the world has done it, nobody wrote so


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault: when, what, to whom, for how long, how strong (the meaning is the kind's)."""

    at_t: float
    kind: Kind
    service: str = ""
    for_s: float = 0.0
    strength: float = 0.0
    choice: int = 0  # picks an instance, a code, a mood


@dataclass(frozen=True, slots=True)
class Kill:
    """From `at_t` on, at the first moment of this kind, the controller is gone for `down_s`.

    `is_pause`: it was only stopped, and goes on after its successor has begun.
    """

    at_t: float
    point: Point
    down_s: float
    is_pause: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `for_s` is how long a freeze lasts."""

    at_t: float
    verb: Verb
    service: str = ""
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class PlanMix:
    """Relative weights of troubles, and how many of what."""

    weights: Mapping[Kind, float] = field(default_factory=dict)
    troubles: tuple[int, int] = (4, 10)
    kills: tuple[int, int] = (1, 3)
    wishes: tuple[int, int] = (0, 3)
    pauses_share: float = 0.0
    bursts_share: float = 0.3  # troubles that come together with the one before


@dataclass(frozen=True, slots=True)
class Plan:
    """One day's troubles, until `calm_t`; from then on nothing new goes wrong."""

    troubles: tuple[Trouble, ...]
    kills: tuple[Kill, ...]
    wishes: tuple[Wish, ...]
    calm_t: float


def draw_plan(
    random: Random, mix: PlanMix, stack: Stack, calm_t: float, *, times: float = 1.0
) -> Plan:
    """All of it, sorted by time. `times` as many of everything, for a longer day."""
    troubles: list[Trouble] = []
    kinds, weights = list(mix.weights), list(mix.weights.values())
    at_t = FIRST_TROUBLE_T
    for _ in range(max(TROUBLES_LEAST, round(times * random.randint(*mix.troubles)))):
        if troubles and random.random() < mix.bursts_share:
            at_t += random.uniform(0.0, 40.0)
        else:
            at_t = random.uniform(FIRST_TROUBLE_T, calm_t - 120.0)
        kind = random.choices(kinds, weights)[0]
        troubles.append(_trouble(random, min(at_t, calm_t - 30.0), kind, stack))
    return Plan(
        tuple(sorted(troubles, key=lambda t: t.at_t)),
        tuple(sorted(_kills(random, mix, troubles, calm_t, times), key=lambda k: k.at_t)),
        tuple(sorted(_wishes(random, mix, stack, calm_t, times), key=lambda w: w.at_t)),
        calm_t,
    )


def _trouble(random: Random, at_t: float, kind: Kind, stack: Stack) -> Trouble:
    serving = [name for name, spec in stack.services.items() if not spec.is_one_shot]
    service = ""
    if kind in ON_A_SERVICE or kind is Kind.ACTUATOR:
        service = random.choice(serving)
    for_s = random.choice((random.uniform(20.0, 90.0), random.uniform(90.0, 600.0)))
    if kind is Kind.ACTUATOR and random.random() < 0.5:
        service = ""
    return Trouble(at_t, kind, service, for_s, random.random(), random.randrange(1000))


def _kills(
    random: Random, mix: PlanMix, troubles: list[Trouble], calm_t: float, times: float
) -> list[Kill]:
    """Most of them soon after a trouble, when the controller has something to do."""
    found: list[Kill] = []
    for _ in range(round(times * random.randint(*mix.kills))):
        if random.random() < 0.7:
            at_t = random.choice(troubles).at_t + random.uniform(0.0, 60.0)
        else:
            at_t = random.uniform(60.0, calm_t)
        down_s = random.choice((random.uniform(1.0, 15.0), random.uniform(15.0, 240.0)))
        point = random.choice(tuple(Point))
        found.append(Kill(at_t, point, down_s, random.random() < mix.pauses_share))
    return found


def _wishes(random: Random, mix: PlanMix, stack: Stack, calm_t: float, times: float) -> list[Wish]:
    serving = [name for name, spec in stack.services.items() if not spec.is_one_shot]
    found: list[Wish] = []
    for _ in range(round(times * random.randint(*mix.wishes))):
        at_t = random.uniform(100.0, calm_t - 200.0)
        service = random.choice(serving)
        verb = random.choices(
            (Verb.STOP, Verb.HEAL, Verb.START, Verb.FREEZE), (0.4, 0.25, 0.15, 0.2)
        )[0]
        for_s = random.uniform(30.0, 600.0)
        if verb is Verb.FREEZE:
            found.append(Wish(at_t, verb, random.choice(("", service)), for_s))
            continue
        found.append(Wish(at_t, verb, service))
        if verb is Verb.STOP and random.random() < 0.6:
            found.append(Wish(min(at_t + for_s, calm_t - 10.0), Verb.START, service))
    return found
