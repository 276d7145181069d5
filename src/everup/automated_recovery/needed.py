"""Who else needs what was stopped on purpose, in words. Pure.

Nobody will act on it, so who hears of it hears of everybody: also of those that need it and do not
show it yet.
"""

from __future__ import annotations

from collections.abc import Collection

from everup.model.stack import Stack

NAMED_MOST = 20


def also_needed_by(stack: Stack, service: str, hurt: Collection[str]) -> str:
    """`; also needed by a, b`, or nothing where all of them are hurt already."""
    names = [name for name in stack.who_needs(service) if name not in hurt]
    if not names:
        return ""
    more = f" and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
    return f"; also needed by {', '.join(names[:NAMED_MOST])}{more}"
