"""In which order services go back together: what others need first, then by priority. Pure.

Flows in: the stack, and who goes back. Flows out: the same names in order. A need counts also where
it leads over services that stay as they are. Where needs go in a circle, soft ones give way first,
then the most important service of the circle begins. Called by `restoring`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everup.model.kinds import DependencyKind
from everup.model.stack import Stack

HARD_ONLY = frozenset({DependencyKind.HARD})
ANY_KIND = frozenset(DependencyKind)


def in_order(stack: Stack, services: Collection[str]) -> tuple[str, ...]:
    """Each once."""
    wanted = set(services)
    needs = {kinds: _needs(stack, wanted, kinds) for kinds in (ANY_KIND, HARD_ONLY)}
    order: list[str] = []
    while wanted:
        ready = [n for n in wanted if not needs[ANY_KIND][n] & wanted]
        ready = ready or [n for n in wanted if not needs[HARD_ONLY][n] & wanted]
        first = min(ready or wanted, key=lambda n: (-stack.services[n].priority, n))
        order.append(first)
        wanted.remove(first)
    return tuple(order)


def _needs(
    stack: Stack, wanted: Collection[str], kinds: frozenset[DependencyKind]
) -> Mapping[str, frozenset[str]]:
    """Service → all that it needs, over however many steps, without itself."""
    direct = {
        name: [d.target for d in spec.depends_on if d.kind in kinds and d.target in stack.services]
        for name, spec in stack.services.items()
    }
    found: dict[str, frozenset[str]] = {}
    for name in wanted:
        seen: set[str] = set()
        waiting = list(direct[name])
        while waiting:
            target = waiting.pop()
            if target not in seen:
                seen.add(target)
                waiting += direct[target]
        found[name] = frozenset(seen - {name})
    return found
