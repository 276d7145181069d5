"""autoheal's label: its owner's consent, which holds also where Everup only observes."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.containers.lab import ContainerLab
from everup.demo.story import Row

SERVICE, OTHER = "reports", "webui"
READY_S = 60.0
WATCHED_S = 30.0


def tell_consent(stage: Stage, lab: ContainerLab, number: int) -> Row:
    """Everup starts again in mode observe; two services break, and one has the label."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "autoheal's label",
        f"Everup is started again, in mode observe. Then {SERVICE}, which has the label "
        f"autoheal=true, hangs, and {OTHER}, which has none, gets kill -9.",
        f"{SERVICE} is restarted, once: its label is a consent. For {OTHER} it is only said what "
        "would be done; a person does it.",
    )
    lab.start_again("observe")
    watcher.forget()
    missed = [] if watcher.until(watcher.is_calm, READY_S) else ["Everup did not start again"]
    watcher.rest(stage.scaled(20.0))
    watcher.begin()
    pid = lab.hang(SERVICE)
    screen.line(f"{SERVICE}: stopped in its tracks (pid {pid})", "fault")
    pid = lab.crash(OTHER)
    screen.line(f"{OTHER}: killed (pid {pid})", "fault")
    stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 120)
    stage.watch_on(WATCHED_S)
    if any(deed.service == OTHER for deed in watcher.own()):
        missed.append(f"{OTHER} was not left to a person")
    screen.line(f"a person: everup heal {OTHER}", "did")
    try:
        stage.client.post(f"/recovery/manual/{OTHER}?recovery_type=restart&reason=demo")
    except NoAnswer as error:
        missed.append(f"the person's request was not taken: {error}")
    if not stage.settle():
        missed.append("the stack did not become healthy again")
    return stage.healed_row(f"hang of {SERVICE}, with autoheal's label", SERVICE, 1, missed)
