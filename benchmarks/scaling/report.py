"""What came of it as tables: each policy on each trace, and all of them against the usual one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from benchmarks.scaling.world import Outcome

USUAL, OURS = "HPA 70 %", "everup"

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""Trace → policy → what came of it."""


@dataclass(frozen=True, slots=True)
class Total:
    """Of one policy on all traces. `over_change`: mean of the changes of over-provisioned hours
    against the usual policy; `worst_change` and `worst_trace`: the least good of them."""

    policy: str
    over_change: float
    worst_change: float
    worst_trace: str
    short_minutes: float
    short_without: float  # without the trace on which the usual policy is short for longest
    action_ratio_most: float


def totals(outcomes: Outcomes) -> list[Total]:
    """In the order of the policies."""
    shortest = max(outcomes, key=lambda name: outcomes[name][USUAL].short_minutes)
    found = []
    for policy in next(iter(outcomes.values())):
        changes, ratios = {}, []
        for name, by_policy in outcomes.items():
            usual, mine = by_policy[USUAL], by_policy[policy]
            changes[name] = mine.over_hours / max(usual.over_hours, 0.1) - 1.0
            ratios.append(mine.actions / max(1, usual.actions))
        worst = max(changes, key=lambda name: changes[name])
        short = {name: by_policy[policy].short_minutes for name, by_policy in outcomes.items()}
        found.append(
            Total(
                policy,
                sum(changes.values()) / len(changes),
                changes[worst],
                worst,
                sum(short.values()),
                sum(minutes for name, minutes in short.items() if name != shortest),
                max(ratios),
            )
        )
    return found


def by_trace(outcomes: Outcomes) -> Table:
    """One row for each trace and policy."""
    table = Table(
        *("trace", "policy", "over hours", "against HPA", "short min", "unserved", "changes"),
        title="Instances under a demand; one carries 25 a second, starts in 60 s",
    )
    for name, by_policy in outcomes.items():
        usual = by_policy[USUAL]
        for policy, one in by_policy.items():
            change = one.over_hours / max(usual.over_hours, 0.1) - 1.0
            table.add_row(
                name if policy == USUAL else "",
                f"[bold]{policy}[/]" if policy == OURS else policy,
                f"{one.over_hours:.1f}",
                f"{change:+.1%}",
                f"{one.short_minutes:.1f}",
                f"{one.unserved_share:.3%}",
                f"{one.actions} ({one.actions / max(1, usual.actions):.2f}x)",
            )
        table.add_section()
    return table


def of_all(outcomes: Outcomes) -> Table:
    """One row for each policy."""
    table = Table(
        *("policy", "over hours, mean", "worst trace", "short min", "without the shortest"),
        *("changes at most",),
        title=f"All {len(outcomes)} traces against {USUAL}",
    )
    for one in totals(outcomes):
        table.add_row(
            f"[bold]{one.policy}[/]" if one.policy == OURS else one.policy,
            f"{one.over_change:+.1%}",
            f"{one.worst_change:+.1%} ({one.worst_trace})",
            f"{one.short_minutes:.0f}",
            f"{one.short_without:.0f}",
            f"{one.action_ratio_most:.2f}x",
        )
    return table


def plain(outcomes: Outcomes) -> dict[str, Any]:
    """For JSON."""
    rows = {
        name: {policy: _row(one) for policy, one in by_policy.items()}
        for name, by_policy in outcomes.items()
    }
    return {"traces": rows, "totals": [asdict(total) for total in totals(outcomes)]}


def _row(one: Outcome) -> dict[str, Any]:
    row = asdict(one)
    row.pop("counts")
    return row
