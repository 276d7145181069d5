"""Out of memory: the kernel kills it at its limit; it is started at once, and once, and its
limit is raised beyond what killed it."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.containers.lab import ContainerLab
from everup.demo.containers.project import MEMBERS
from everup.demo.story import Row
from everup.model.kinds import ActionKind

SERVICE = "worker"
MB_PER_S = 60.0
RAISED_WITHIN_S = 120.0
"""Two steps of scaling and the window of its proof, on a machine that does much else."""


def tell_out_of_memory(stage: Stage, lab: ContainerLab, number: int) -> Row:
    """The worker takes more memory than it may."""
    limit_mib = MEMBERS[SERVICE].memory_mib
    stage.screen.chapter(
        number,
        "Out of memory",
        f"{SERVICE} takes {MB_PER_S:g} MB a second; at {limit_mib} MiB the kernel kills it.",
        "it is started at once, a single time, and proven healthy; that it was killed for memory "
        "is said. Then its limit is raised beyond what killed it, while it runs.",
    )
    stage.watcher.begin()
    lab.turn(SERVICE, leak_mb_per_s=MB_PER_S)
    stage.screen.line(f"{SERVICE}: takes {MB_PER_S:g} MB a second", "fault")
    stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 90)
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    incident = stage.watcher.incident_on(SERVICE)
    if incident is not None and "memory" not in str(incident):
        missed.append("it was not said that memory was the reason")
    if not stage.wait(lambda: _is_larger(stage), RAISED_WITHIN_S):
        missed.append("its limit was not raised beyond what killed it")
    return stage.healed_row(f"{SERVICE} out of memory", SERVICE, 2, missed)


def _is_larger(stage: Stage) -> bool:
    return any(
        deed.service == SERVICE and deed.kind == ActionKind.SCALE_UP and deed.state == "verified"
        for deed in stage.watcher.own()
    )
