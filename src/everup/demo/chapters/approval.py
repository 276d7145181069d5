"""An approval: what needs a person's word waits for it, and is done when it is given."""

from __future__ import annotations

from typing import Any

from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.story import Row

SERVICE = "coordination-service"
"""Its owner has declared `mode: approve` for it; see `Lab.prepare`."""
WATCHED_S = 30.0
"""A tick: long enough for anybody who would not wait for the word."""


def tell_approval(stage: Stage, number: int) -> Row:
    """kill -9 of a service whose owner wants to be asked first."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "A person's word",
        f"{SERVICE} gets kill -9. Its owner declared mode: approve for it.",
        "Everup asks and waits. A person says yes (everup approve ID); then it is started, once, "
        "and proven healthy.",
    )
    watcher.begin()
    pid = stage.lab.crash(SERVICE)
    screen.line(f"{SERVICE}: killed (pid {pid})", "fault")
    missed = []
    question = Question(stage)
    if not stage.wait(question.look, 60):
        missed.append("nobody was asked")
    stage.watch_on(WATCHED_S)
    if watcher.own():
        missed.append("it did not wait for the word")
    missed += question.approve()
    stage.wait(lambda: question.is_answered() and stage.has_ended(SERVICE, "resolved"), 60)
    if not stage.wait(lambda: question.is_answered() and stage.is_settled(), 60):
        missed.append("the stack did not become healthy again")
    return stage.healed_row(f"crash of {SERVICE}, asked first", SERVICE, 1, missed)


class Question:
    """What Everup asks about the service, and the answer to it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._asked: dict[str, Any] | None = None
        self._answered: set[str] = set()

    def look(self) -> bool:
        if self._asked is None:
            self._asked = self._ask()
            if self._asked is not None:
                about = f"{self._asked['kind']} of {SERVICE}? Risk: {self._asked['risk']}"
                self._stage.screen.line(f"everup asks, {self._asked['id']}: {about}", "seen")
        return self._asked is not None

    def approve(self) -> list[str]:
        """Says yes to what is asked now; returns what went wrong, in words. A question that is
        withdrawn while it is answered is none any more: what is asked next gets the answer."""
        asked = self._ask()
        if asked is None:
            return []
        name = asked["id"]
        self._stage.screen.line(f"a person: everup approve {name}", "did")
        try:
            self._stage.client.post(f"/approvals/{name}/approve?by=a%20person&reason=demo")
        except NoAnswer as error:
            left = self._ask()
            is_asked_still = left is not None and left["id"] == name
            return [f"the word was not taken: {error}"] if is_asked_still else []
        self._answered.add(name)
        return []

    def is_answered(self) -> bool:
        """Is nothing asked any more? Whoever was ill for another reason meanwhile, as on a machine
        short of CPU, is asked about anew."""
        asked = self._ask()
        if asked is None or asked["id"] in self._answered:
            return True
        self.approve()
        return False

    def _ask(self) -> dict[str, Any] | None:
        try:
            answer = self._stage.client.get("/approvals?is_open=true")
        except NoAnswer:
            return None
        mine = [one for one in answer["approvals"] if one["service"] == SERVICE]
        return dict(mine[0]) if mine else None
