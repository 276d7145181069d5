"""`docker stop`: somebody's wish, so nothing is done about it."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.containers.lab import ContainerLab
from everup.demo.containers.project import docker
from everup.demo.story import Allowance, Row, wrong_deeds

SERVICE = "webui"
WATCHED_S = 60.0
"""Two ticks and more: long enough for anybody who would start it again to do so."""


def tell_stopped(stage: Stage, lab: ContainerLab, number: int) -> Row:
    """A person stops `webui` with the docker command, and later starts it again."""
    screen, watcher = stage.screen, stage.watcher
    container = lab.project.container(SERVICE)
    screen.chapter(
        number,
        "Stopped on purpose",
        f"a person stops {SERVICE}: docker stop {container[:12]}.",
        f"nothing, for the {stage.scaled(WATCHED_S):g} s that we watch and for ever.",
    )
    watcher.begin()
    docker("stop", "-t", "5", container)
    screen.line(f"{SERVICE}: docker stop", "fault")
    missed = []
    seen_after_s = None
    if stage.wait(lambda: watcher.conditions.get(SERVICE) == "stopped", 30):
        seen_after_s = watcher.now_after()
        screen.line(f"{SERVICE}: seen as stopped on purpose", "good")
    else:
        missed.append(f"{SERVICE} was not seen as stopped")
    stage.watch_on(WATCHED_S)
    if watcher.conditions.get(SERVICE) != "stopped":
        missed.append(f"{SERVICE} did not stay stopped")
    docker("start", container)
    screen.line(f"{SERVICE}: docker start", "calm")
    stage.wait(lambda: watcher.conditions.get(SERVICE) == "healthy", 60)
    if not stage.settle():
        missed.append("the stack did not become healthy again")
    return Row(
        fault=f"docker stop of {SERVICE}",
        seen_after_s=seen_after_s,
        healed_after_s=None,
        actions=len(watcher.own()),
        wrong=wrong_deeds(watcher.deeds, Allowance()),
        evidence=f"stayed stopped for {stage.scaled(WATCHED_S):g} s, purpose is known",
        ending="left alone",
        missed=tuple(missed),
    )
