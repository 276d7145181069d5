"""A hung store: healed late, gently and once, while everybody who suffers from it is left alone."""

from __future__ import annotations

from everup.demo.chapters.stage import TWO_WINDOWS_S, Stage
from everup.demo.story import Row

WAIT_S, GRACE_S, REST_S = 60.0, 60.0, 90.0
"""Before anything is done to a running store, until its restart may kill, and for the proof."""


def tell_store_hang(stage: Stage, number: int) -> Row:
    """SIGSTOP to the store: its socket still accepts, nobody answers."""
    screen, watcher, service = stage.screen, stage.watcher, stage.lab.store
    screen.chapter(
        number,
        "A hung store",
        f"{service} gets SIGSTOP: it accepts connections and answers nobody.",
        f"it keeps data, so nothing is done for {stage.scaled(WAIT_S):g} s; then one graceful "
        f"restart with {stage.scaled(GRACE_S):g} s of grace, ended by a kill only because the "
        "hang is proven. Whoever turns unhealthy for want of it is left alone.",
    )
    watcher.begin()
    pid = stage.lab.hang(service)
    screen.line(f"{service}: stopped in its tracks (pid {pid})", "fault")
    try:
        stage.wait(lambda: stage.has_ended(service, "resolved"), WAIT_S + GRACE_S + REST_S)
    finally:
        if not stage.has_ended(service, "resolved"):
            stage.lab.unhang(service, pid)
    stage.watch_on(TWO_WINDOWS_S)
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    suffered = watcher.seen_unwell - {service}
    if not suffered:
        missed.append(f"nobody was seen to suffer from {service}")
    screen.line(f"suffered, and left alone: {', '.join(sorted(suffered)) or 'nobody'}", "calm")
    return stage.healed_row(f"hang of {service}", service, 1, missed)
