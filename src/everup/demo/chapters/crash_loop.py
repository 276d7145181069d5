"""A crash loop: tried a bounded number of times, then handed to a person with its case."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage, opened_after
from everup.demo.client import NoAnswer
from everup.demo.story import Allowance, Row, short, wrong_deeds
from everup.demo.watch import Incident
from everup.model.words import plain

SERVICE = "perception-service"
MOST = 3
"""The restart budget of one incident."""
EXIT_CODE = 3


def tell_crash_loop(stage: Stage, number: int) -> Row:
    """Every new process of the service exits shortly after its start."""
    screen, watcher = stage.screen, stage.watcher
    screen.chapter(
        number,
        "A crash loop",
        f"{SERVICE} gets a setting with which every new process exits with {EXIT_CODE}.",
        f"at most {MOST} starts, further and further apart; then it is left to a person, "
        "with the case written down.",
    )
    watcher.begin()
    stage.lab.keep_broken(SERVICE, exit_on_start=EXIT_CODE, after_s=0.5)
    try:
        pid = stage.lab.crash(SERVICE)
        screen.line(f"{SERVICE}: broken for every new process, and killed (pid {pid})", "fault")
        stage.wait(lambda: stage.has_ended(SERVICE, "escalated"), 180)
        stage.watch_on(30)
    finally:
        stage.lab.mend(SERVICE)
    incident = watcher.incident_on(SERVICE)
    _show_case(stage, incident)
    row = _row(stage, incident)
    missed = list(row.missed)
    screen.line(f"a person mends the setting and heals {SERVICE} by hand", "calm")
    try:
        stage.client.post(f"/recovery/manual/{SERVICE}?recovery_type=restart&reason=mended")
    except NoAnswer as error:
        missed.append(f"the person's request was not taken: {error}")
    if not stage.settle():
        missed.append("the stack did not become healthy again after it was mended")
    wrong = wrong_deeds(watcher.deeds, Allowance(SERVICE, MOST))
    return Row(
        row.fault, row.seen_after_s, None, row.actions, wrong, row.evidence, row.ending, (*missed,)
    )


def _row(stage: Stage, incident: Incident | None) -> Row:
    watcher = stage.watcher
    is_escalated = incident is not None and incident["state"] == "escalated"
    missed = () if is_escalated else (f"{SERVICE} was not escalated",)
    return Row(
        fault=f"crash loop of {SERVICE}",
        seen_after_s=opened_after(watcher, incident),
        healed_after_s=None,
        actions=len(watcher.own()),
        wrong=(),
        evidence=short(plain(str(incident["ending"])).partition(": ")[2]) if incident else "",
        ending="escalated",
        missed=missed,
    )


def _show_case(stage: Stage, incident: Incident | None) -> None:
    if incident is None or incident["state"] != "escalated":
        return
    stage.screen.line("the case, as a person gets it:", "seen")
    stage.screen.quote(plain(str(incident["ending"])))
