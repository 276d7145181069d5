"""Does a service run once and end? Pure; called by `build`.

Said by a label, by somebody who waits for its successful end, or by how it ended: with 0, soon,
without any restart policy, with nothing that a server has, and with nobody who would reach it by
its name. Never guessed while it runs. One that ended with 0 after more than a minute is left
undecided, so no one-shot; so is one under `on-failure`: its owner wants it to run, and a server
that ends well there is the fault that no restart policy sees. What was guessed is only how the last
run looked: what Everup saw of earlier ones goes first (`model.state.as_remembered`).
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.runtimes.docker.discovery.container import Container

LIFE_MOST_S = 60.0
NO_POLICY = ("", "no")


def one_shot_because(
    copies: Sequence[Container], awaited_by: Sequence[str], is_used: bool = False
) -> str:
    """The reason, "" when it is none. `awaited_by` wait for its successful end; `is_used`: somebody
    knows it by its name on the network."""
    if awaited_by:
        return f"{', '.join(sorted(awaited_by)[:3])} waits for its successful end"
    if copies and not is_used and all(map(_ended_like_one, copies)):
        return "ended with 0 within a minute, and nothing starts it again"
    return ""


def _ended_like_one(one: Container) -> bool:
    lived = one.lived
    return (
        lived.status == "exited"
        and lived.exit_code == 0
        and one.restart_policy in NO_POLICY
        and one.check is None
        and not one.ports
        and 0.0 <= lived.finished_at - lived.started_at <= LIFE_MOST_S
    )
