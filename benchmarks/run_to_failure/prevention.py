"""The same failures with and without Everup acting: what users were spared. Pure.

A failure is avoided when no three users in a row went unserved, from its onset to the end of the
round. What Everup does by itself may cost single users; those are counted too. A restart has the
fault begin anew, as it would in a program that leaks, so that what was put off until after the
round counts as avoided: the table says how long the round was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from benchmarks.run_to_failure.cases import ROUND_MIN, Case
from benchmarks.run_to_failure.rounds import Round


@dataclass(frozen=True, slots=True)
class Prevention:
    """Of failures that came when nothing was done. `kinds`: of what, how many, how many avoided;
    unserved: share of users of these services."""

    failures: int
    avoided: int
    kinds: tuple[tuple[str, int, int], ...]
    unserved_without: float
    unserved_with: float
    actions: Mapping[str, int]

    @property
    def share(self) -> float:
        """Of the failures that users saw."""
        return self.avoided / self.failures if self.failures else float("nan")


def compare(watched: Round, acting: Round, left_out: Mapping[str, str]) -> Prevention:
    """Cases are told apart by seed: another round gives them other services."""
    without = {c.seed: s for s, c in watched.cases.items() if c.fails and s not in left_out}
    now = {case.seed: service for service, case in acting.cases.items()}
    cases: dict[int, Case] = {case.seed: case for case in acting.cases.values()}
    kinds: dict[str, list[bool]] = {}
    for seed in without:
        if seed in now:
            avoided = now[seed] not in acting.told.failed_min
            kinds.setdefault(cases[seed].kind, []).append(avoided)
    done: dict[str, int] = {}
    for action in acting.told.actions:
        if str(action.get("origin")) == "recovery":
            done[str(action.get("kind"))] = done.get(str(action.get("kind")), 0) + 1
    services = [now[seed] for seed in without if seed in now]
    return Prevention(
        failures=sum(len(each) for each in kinds.values()),
        avoided=sum(sum(each) for each in kinds.values()),
        kinds=tuple((name, len(each), sum(each)) for name, each in sorted(kinds.items())),
        unserved_without=_unserved(watched, list(without.values())),
        unserved_with=_unserved(acting, services),
        actions=done,
    )


def _unserved(played: Round, services: list[str]) -> float:
    asked = sum(played.told.asked.get(name, 0) for name in services)
    return sum(played.told.unserved.get(name, 0) for name in services) / max(1, asked)


def table_of_prevention(found: Prevention) -> Table:
    """By what ran out."""
    title = (
        f"{found.avoided} of {found.failures} failures avoided in {ROUND_MIN:g} min; users "
        f"unserved: {found.unserved_without:.1%} without, {found.unserved_with:.1%} with"
    )
    table = Table("what ran out", "failures", "avoided", title=title)
    for name, count, avoided in found.kinds:
        table.add_row(name, str(count), str(avoided))
    return table
