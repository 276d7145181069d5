"""Does a service run once and end? Pure; called by `build`.

Said by a label, by somebody who waits for its successful end, or by how it ended: with 0, soon,
without a policy that would start it again, and with nothing that a server has. Never guessed while
it runs. One that ended with 0 after more than a minute is left undecided, so no one-shot: a server
that ends well under `on-failure` is the fault that no restart policy sees.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.runtimes.docker.discovery.container import Container

LIFE_MOST_S = 60.0


def one_shot_because(copies: Sequence[Container], awaited_by: Sequence[str]) -> str:
    """The reason, "" when it is none; `awaited_by` wait for its successful end."""
    if awaited_by:
        return f"{', '.join(sorted(awaited_by)[:3])} waits for its successful end"
    if copies and all(map(_ended_like_one, copies)):
        return "ended with 0 within a minute, and nothing starts it again"
    return ""


def _ended_like_one(one: Container) -> bool:
    lived = one.lived
    return (
        lived.status == "exited"
        and lived.exit_code == 0
        and not one.restarts_by_itself
        and one.check is None
        and not one.ports
        and 0.0 <= lived.finished_at - lived.started_at <= LIFE_MOST_S
    )
