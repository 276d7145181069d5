"""A full tmpfs: memory of the container's own, which a restart of what keeps no data empties."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.containers.lab import ContainerLab
from everup.demo.story import Row

SERVICE = "worker"


def tell_full_scratch(stage: Stage, lab: ContainerLab, number: int) -> Row:
    """The worker's scratch folder is full, so that it cannot work."""
    stage.screen.chapter(
        number,
        "A full tmpfs",
        f"the scratch folder of {SERVICE} (a tmpfs of 8 MiB) is filled to the last byte.",
        "its healthcheck turns bad; it is restarted once, gracefully, which empties the folder. "
        "Nothing is deleted by Everup.",
    )
    stage.watcher.begin()
    lab.turn(SERVICE, fill=1)
    stage.screen.line(f"{SERVICE}: its scratch folder is full", "fault")
    stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 120)
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    return stage.healed_row(f"full tmpfs of {SERVICE}", SERVICE, 1, missed)
