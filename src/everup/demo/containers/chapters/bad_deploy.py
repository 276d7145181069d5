"""A bad deploy: what ran before comes back, by its content, though the tag has moved on."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.containers.lab import ContainerLab
from everup.demo.story import Row

SERVICE = "api"
KIND = "emergency_rollback"


def tell_bad_deploy(stage: Stage, lab: ContainerLab, number: int) -> Row:
    """The tag moves to a release that never works, and Compose replaces the container."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "A bad deploy",
        f"the tag {lab.project.image} moves to a release that never works, and {SERVICE} is "
        "replaced by it: compose up --force-recreate.",
        "the image that ran before comes back, once. Who needs it is left alone.",
    )
    watcher.begin()
    lab.project.deploy(SERVICE, is_broken=True)
    screen.line(f"{SERVICE}: a release that never works was deployed", "fault")
    try:
        stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 240)
    finally:
        if not stage.has_ended(SERVICE, "resolved"):
            screen.line(f"{SERVICE}: the good release is deployed by hand", "calm")
            lab.project.deploy(SERVICE, is_broken=False)
        else:
            lab.project.mend_tag()
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    kinds = {deed.kind for deed in watcher.own() if deed.service == SERVICE}
    if kinds != {KIND}:
        missed.append(f"it was not rolled back, but: {', '.join(sorted(kinds)) or 'nothing'}")
    return stage.healed_row(f"bad deploy of {SERVICE}", SERVICE, 1, missed)
