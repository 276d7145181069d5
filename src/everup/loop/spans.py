"""Sets of time as sorted, disjoint spans. Pure arithmetic for reports."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[float, float]


def union(spans: Iterable[Span]) -> list[Span]:
    """Sorted and disjoint; empty and reversed spans vanish."""
    found: list[Span] = []
    for start, end in sorted(s for s in spans if s[1] > s[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def overlap(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """What lies in both."""
    left, right = union(one), union(other)
    found: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if end > start:
            found.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def length(spans: Iterable[Span]) -> float:
    """Seconds in any of them."""
    return sum(end - start for start, end in union(spans))
