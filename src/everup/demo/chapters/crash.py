"""A crash: what is dead is started again, at once and once."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.story import Row

SERVICE = "api"


def tell_crash(stage: Stage, number: int) -> Row:
    """kill -9 of `api`, on which `webui` depends."""
    stage.screen.chapter(
        number,
        "A crash",
        f"{SERVICE} gets kill -9.",
        "it is started at once, a single time, and proven healthy; its dependents are left alone.",
    )
    stage.watcher.begin()
    pid = stage.lab.crash(SERVICE)
    stage.screen.line(f"{SERVICE}: killed (pid {pid})", "fault")
    stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 60)
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    return stage.healed_row(f"crash of {SERVICE}", SERVICE, 1, missed)
