"""Who was ill from when to when, kept until it is clear whom it hurt. Pure but for its own memory.

Flows in: who is ill and who is well at each look. Flows out: illnesses, and those that are due to
be learned from: long enough ago that whoever was to follow has followed. Called by `edges` alone.
It is lost on a restart, and so is at most what fell ill in the two minutes before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everup.dependency_monitor.learned import EARLIER_MOST_S, LATER_MOST_S, Illness
from everup.model.kinds import UNKNOWN, is_known

ILLNESSES_MOST = 2000
KEPT_S = 4 * LATER_MOST_S
DUE_S = LATER_MOST_S + EARLIER_MOST_S


class Illnesses:
    """Times are seconds at true pace on any one clock."""

    def __init__(self) -> None:
        self._open: dict[str, float] = {}
        self._over: list[Illness] = []
        self._counted: set[tuple[str, float]] = set()
        self._passed_over: set[str] = set()
        self._is_fresh = True

    def follow(self, at_s: float, ill: Mapping[str, float], well: Collection[str]) -> None:
        """`ill`: service → since when. Who is neither ill nor well stays as it was. Who is ill
        already when we begin to look is passed over until it is well: it may be counted already,
        and whom it has hurt nobody saw."""
        if self._is_fresh:
            self._passed_over, self._is_fresh = set(ill), False
        self._passed_over.difference_update(well)
        for name, since_s in ill.items():
            if name not in self._passed_over:
                self._open.setdefault(name, since_s if is_known(since_s) else at_s)
        for name in [n for n in self._open if n in well]:
            self._over.append(Illness(name, self._open.pop(name), at_s))
        self._over = [i for i in self._over if at_s - i.to_s < KEPT_S][-ILLNESSES_MOST:]
        known = {(i.service, i.from_s) for i in self.all()}
        self._counted &= known

    def all(self) -> list[Illness]:
        """As far as they are kept; those that last have no end."""
        return [*self._over, *(Illness(n, from_s, UNKNOWN) for n, from_s in self._open.items())]

    def take_due(self, at_s: float) -> list[Illness]:
        """Those that began long enough ago and were not given before."""
        due = [
            i
            for i in self.all()
            if at_s - i.from_s >= DUE_S and (i.service, i.from_s) not in self._counted
        ]
        self._counted |= {(i.service, i.from_s) for i in due}
        return due

    def forget(self, service: str) -> None:
        """Of this one nobody knows any more how it went on."""
        self._open.pop(service, None)

    def clear(self) -> None:
        """History broke, or we were blind: begin anew."""
        self._is_fresh = True
        self._open.clear()
        self._over.clear()
        self._counted.clear()
