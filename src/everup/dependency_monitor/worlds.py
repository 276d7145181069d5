"""Possible worlds of a fault model, sixty-four to a machine word. Pure: the seed is an argument.

In one world each link either passes failures on or does not, and each service either fails by
itself or does not. Given that, who is hurt is plain reachability, and a probability is the share of
worlds. Where few things are uncertain, all worlds are listed with their weights and the answer is
exact; otherwise a bounded number of them is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.model.propagation import FaultModel
from everup.model.rings import rings
from everup.model.signals import Floats

Words = NDArray[np.uint64]
WORD = 64
EXACT_MOST = 10
"""Up to so many uncertain links and services all worlds are listed (2 to that power)."""
STEPS = 1 << 16  # a drawn probability is one of so many; finer than any that is known
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONES = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Wiring:
    """Who is hurt by whom, by number. `order`: groups of services, dependencies first; a group of
    several is a circle. `needs`: service → (link, target) pairs. `links`: those of the model that
    are kept, as numbers into its list."""

    names: tuple[str, ...]
    number: dict[str, int]
    order: tuple[tuple[int, ...], ...]
    needs: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Worlds:
    """`live`: links × words, 1 where the link passes on. `failed`: services × words, 1 where it
    fails by itself. `weights`: of each world, None where all weigh the same."""

    live: Words
    failed: Words
    weights: Floats | None

    @property
    def count(self) -> int:
        """How many worlds."""
        return int(self.failed.shape[1]) * WORD

    @property
    def error(self) -> float:
        """One standard error of a probability of one half, the largest there is; 0: exact."""
        return 0.0 if self.weights is not None else 0.5 / float(np.sqrt(self.count))

    def probability(self, bits: Words) -> Floats:
        """Of the event that these words mark; over the last axis."""
        if self.weights is None:
            return np.asarray(_ones(bits).sum(axis=-1, dtype=np.int64) / self.count)
        octets = np.ascontiguousarray(bits).view(np.uint8)
        marked = np.unpackbits(octets, axis=-1, bitorder="little")
        # A product of matrices may add in another order when memory lies otherwise, and a journal
        # would not repeat to the last bit.
        return np.asarray((marked * self.weights).sum(axis=-1))


def _ones(bits: Words) -> NDArray[np.uint8]:
    """How many bits are set, by word; by octet with a numpy that cannot count them."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(bits), dtype=np.uint8)
    return ONES[np.ascontiguousarray(bits).view(np.uint8)]


def wire(model: FaultModel) -> Wiring:
    """The model by number; links from or to services that it does not have are passed over."""
    number = {name: index for index, name in enumerate(model.services)}
    needs: list[list[tuple[int, int]]] = [[] for _ in number]
    for index, link in enumerate(model.links):
        dependent, target = number.get(link.dependent), number.get(link.target)
        if dependent is None or target is None or dependent == target or link.probability <= 0.0:
            continue
        needs[dependent].append((index, target))
    edges = {place: [target for _, target in found] for place, found in enumerate(needs)}
    order = tuple(tuple(sorted(ring)) for ring in rings(edges))
    return Wiring(tuple(model.services), number, order, tuple(tuple(n) for n in needs))


def worlds_of(model: FaultModel, count: int, seed: int, *, with_failures: bool = True) -> Worlds:
    """At least `count` worlds drawn with this seed, or all of them where they are few enough.

    `with_failures` False: nobody fails by itself, only the links are uncertain.
    """
    links = np.array([link.probability for link in model.links], dtype=np.float64)
    own = np.array([model.own_failure.get(n, 0.0) for n in model.services], dtype=np.float64)
    chances = np.clip(np.concatenate([links, own if with_failures else 0.0 * own]), 0.0, 1.0)
    uncertain = np.flatnonzero((chances > 0.0) & (chances < 1.0))
    if len(uncertain) <= EXACT_MOST:
        bits, weights = _all(chances, uncertain)
    else:
        bits, weights = _drawn(chances, uncertain, count, seed), None
    return Worlds(bits[: len(links)], bits[len(links) :], weights)


def _all(chances: Floats, uncertain: NDArray[np.intp]) -> tuple[Words, Floats]:
    worlds = max(WORD, 1 << len(uncertain))
    index = np.arange(worlds)
    weights = (index < (1 << len(uncertain))).astype(np.float64)
    is_on = np.repeat((chances >= 1.0)[:, None], worlds, axis=1)
    for place, which in enumerate(uncertain):
        is_on[which] = (index >> place) & 1
        weights *= np.where(is_on[which], chances[which], 1.0 - chances[which])
    return _packed(is_on), weights


def _drawn(chances: Floats, uncertain: NDArray[np.intp], count: int, seed: int) -> Words:
    words = max(1, -(-count // WORD))
    bits = np.zeros((len(chances), words), dtype=np.uint64)
    bits[chances >= 1.0] = FULL
    draw = np.random.default_rng(seed)
    drawn = draw.integers(0, STEPS, size=(len(uncertain), words * WORD), dtype=np.uint16)
    bits[uncertain] = _packed(drawn < np.round(chances[uncertain] * STEPS)[:, None])
    return bits


def _packed(is_on: NDArray[np.bool_]) -> Words:
    return np.packbits(is_on, axis=1, bitorder="little").view(np.uint64)


def spread(wiring: Wiring, live: Words, start: Words) -> Words:
    """Who has failed or is hurt in the end. `start`: services × … × words, and so is the answer.

    Dependencies come first, so that one pass is enough; a circle is gone round until nothing
    changes, at most once for each of its members.
    """
    state = start.copy()
    for group in wiring.order:
        rounds = 1 if len(group) == 1 else len(group)
        for _ in range(rounds):
            is_changed = False
            for service in group:
                is_changed |= _hurt(state, service, wiring.needs[service], live, rounds > 1)
            if not is_changed:
                break
    return state


def _hurt(
    state: Words, service: int, needs: Sequence[tuple[int, int]], live: Words, is_watched: bool
) -> bool:
    mine = state[service]
    before = mine.copy() if is_watched else None
    for link, target in needs:
        mine |= state[target] & live[link]
    return before is not None and not np.array_equal(before, mine)
