"""A monitor fault: the stack is well, the watcher is blind, so nothing is touched."""

from __future__ import annotations

from everup.demo import faults
from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.story import Allowance, Row, short, wrong_deeds

WATCHED_S = 75.0


def tell_monitor_fault(stage: Stage, number: int) -> Row:
    """Everup may open no file and no socket: every one of its probes fails."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "A monitor fault",
        "nothing in the stack. Everup itself runs out of file descriptors, so that every one of "
        "its probes fails.",
        "nothing is touched: it says that its own senses fail, and waits until they work.",
    )
    watcher.begin()
    noted = _Noted(stage)
    with faults.without_descriptors(stage.lab.pid):
        screen.line("everup: may open nothing any more (EMFILE)", "fault")
        stage.wait(noted.look, WATCHED_S)
        stage.watch_on(WATCHED_S)
    screen.line("everup: descriptors given back", "calm")
    missed = [] if noted.text else ["Everup did not say that its own senses fail"]
    watcher.until(noted.is_over, stage.scaled(60) + 15)
    if not noted.has_ended:
        missed.append("Everup did not say that its senses work again")
    if not stage.settle():
        missed.append("the stack did not become healthy again")
    stage.watch_on(20)
    return Row(
        fault="Everup's own senses",
        seen_after_s=noted.after_s,
        healed_after_s=None,
        actions=len(watcher.own()),
        wrong=wrong_deeds(watcher.deeds, Allowance()),
        evidence=short(noted.text),
        ending="not touched",
        missed=tuple(missed),
    )


class _Noted:
    """What Everup says of its own fault, and when it said so first."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.text = ""
        self.after_s: float | None = None
        self.has_ended = False

    def look(self) -> bool:
        said = self._ask()
        if said and not self.text:
            self.text, self.after_s = said, self._stage.watcher.now_after()
            self._stage.screen.line(f"everup: {said}", "good")
        return bool(self.text)

    def is_over(self) -> bool:
        if not self.has_ended and self._ask() == "":
            self.has_ended = True
            self._stage.screen.line("everup: its senses work again", "good")
        return self.has_ended

    def _ask(self) -> str | None:
        try:
            return str(self._stage.client.get("/health")["monitor_fault"])
        except NoAnswer:
            return None
