"""Stopped on purpose: somebody's wish, so nothing is done about it."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.story import Allowance, Row, wrong_deeds

SERVICE = "webui"
WATCHED_S = 60.0
"""Two ticks and more: long enough for anybody who would start it again to do so."""


def tell_purpose(stage: Stage, number: int) -> Row:
    """A person stops `webui`, and later starts it again."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "Stopped on purpose",
        f"a person stops {SERVICE}: POST /services/{SERVICE}/stop (or everup stop {SERVICE}).",
        f"nothing, for the {stage.scaled(WATCHED_S):g} s that we watch and for ever.",
    )
    watcher.begin()
    missed = _ask(stage, "stop")
    if stage.wait(lambda: watcher.conditions.get(SERVICE) == "stopped", 30):
        seen_after_s = watcher.now_after()
        screen.line(f"{SERVICE}: seen as stopped on purpose", "good")
    else:
        seen_after_s = None
        missed.append(f"{SERVICE} was not seen as stopped")
    stage.watch_on(WATCHED_S)
    was_left = watcher.conditions.get(SERVICE) == "stopped"
    if not was_left:
        missed.append(f"{SERVICE} did not stay stopped")
    screen.line(f"the person starts {SERVICE} again", "calm")
    missed += _ask(stage, "start")
    stage.wait(lambda: watcher.conditions.get(SERVICE) == "healthy", 60)
    if not stage.settle():
        missed.append("the stack did not become healthy again")
    return Row(
        fault=f"{SERVICE} stopped on purpose",
        seen_after_s=seen_after_s,
        healed_after_s=None,
        actions=len(watcher.own()),
        wrong=wrong_deeds(watcher.deeds, Allowance()),
        evidence=f"stayed stopped for {stage.scaled(WATCHED_S):g} s, purpose is known",
        ending="left alone",
        missed=tuple(missed),
    )


def _ask(stage: Stage, verb: str) -> list[str]:
    try:
        stage.client.post(f"/services/{SERVICE}/{verb}?reason=demo&by=a%20person")
    except NoAnswer as error:
        return [f"the wish to {verb} {SERVICE} was not taken: {error}"]
    stage.screen.line(f"{SERVICE}: a person asked to {verb} it", "fault")
    return []
