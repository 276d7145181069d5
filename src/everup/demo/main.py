"""`everup demo`: things go wrong, live, and a table says what Everup made of them.

In: a pace, and whether over processes or over containers. Out: lines on the terminal and an exit
code, 0 only if everything was healed that should be and nothing else was touched. Called by the
CLI. Leaves nothing behind unless told to keep it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from everup.demo import chapters
from everup.demo.begun import WANTED_PORT
from everup.demo.chapters import Tell
from everup.demo.client import Client
from everup.demo.containers.chapters import all_of
from everup.demo.containers.lab import ContainerLab
from everup.demo.containers.project import NoDocker
from everup.demo.faults import NoProcess
from everup.demo.lab import Lab
from everup.demo.screen import Screen
from everup.demo.stack.servers.package_files import Missing
from everup.demo.story import Row, judge, strays
from everup.demo.watch import Watcher

READY_MOST_S = 90.0
EXIT_WRONG, EXIT_NOT_TOLD, EXIT_INTERRUPTED = 1, 2, 130


class NotReady(RuntimeError):
    """Everup or the stack did not come up."""


AnyLab = Lab | ContainerLab


def run(time_scale: float = 0.2, keep: bool = False, over_containers: bool = False) -> int:
    """Tells the whole story at this pace; `keep` leaves everything running afterwards.

    Returns 0 (all as it should be), 1 (not so), 2 (it could not be told), 130 (interrupted).
    """
    screen = Screen()
    began_s = time.monotonic()
    lab, tells = _cast(time_scale, over_containers)
    is_kept = False
    try:
        with _terminated_like_interrupted():
            code = _story(lab, tells, screen)
            screen.say(f"The demo took {time.monotonic() - began_s:.0f} s.", "dim")
            is_kept = keep
    except (NotReady, NoProcess, NoDocker, Missing, ConnectionError) as error:
        screen.say(f"The story broke off: {error}", "bold red")
        screen.say(lab.last_words(), "dim")
        code = EXIT_NOT_TOLD
    except KeyboardInterrupt:
        screen.say("Interrupted: stopping what was started.", "yellow")
        code = EXIT_INTERRUPTED
    finally:
        if not is_kept:
            _clean(lab, screen)
    if is_kept:
        _say_how_to_go_on(lab, screen)
    return code


def _cast(time_scale: float, over_containers: bool) -> tuple[AnyLab, Sequence[Tell]]:
    if not over_containers:
        return Lab(time_scale), chapters.ALL
    lab = ContainerLab(time_scale)
    return lab, all_of(lab)


def _story(lab: AnyLab, tells: Sequence[Tell], screen: Screen) -> int:
    _open(lab, screen)
    client = Client(lab.port)
    try:
        watcher = _until_healthy(lab, client, screen)
        stage = chapters.Stage(lab, client, watcher, screen)
        rows: list[Row] = []
        for number, tell in enumerate(tells, 1):
            rows.append(tell(stage, number))
            if lab.has_died():
                raise NotReady("Everup has ended")
        watcher.look()
        stray = strays(watcher.everything, watcher.told)
    finally:
        client.close()
    screen.table(rows, stray)
    verdict = judge(rows, len(tells), stray)
    screen.verdict(verdict)
    return 0 if verdict.is_right else EXIT_WRONG


def _open(lab: AnyLab, screen: Screen) -> None:
    pace = lab.time_scale
    screen.say(lab.opening, "bold")
    screen.say(
        f"time_scale is {pace:g}: every wait, grace and cooldown of Everup is multiplied by it, so "
        f"that 60 s become {60 * pace:g} s. The seconds below are real ones."
    )
    if lab.port != WANTED_PORT:
        screen.say(f"Port {WANTED_PORT} is taken; this Everup listens on {lab.port}.", "yellow")
    screen.say(f"Working in {lab.folder}, log in {lab.log}.", "dim")
    lab.prepare()
    lab.start()


def _until_healthy(lab: AnyLab, client: Client, screen: Screen) -> Watcher:
    """Returns when all services are healthy, at the first moment that counts for the story."""
    watcher = Watcher(client, screen)
    ends_s = time.monotonic() + READY_MOST_S
    began_s = time.monotonic()
    while time.monotonic() < ends_s:
        if lab.has_died():
            raise NotReady("Everup ended while it started")
        watcher.glance()
        if watcher.is_calm():
            count = len(watcher.conditions)
            took_s = time.monotonic() - began_s
            screen.say(f"All {count} services are healthy after {took_s:.0f} s.", "green")
            # Until then Everup takes nobody's health for granted, which would delay the first act.
            time.sleep(chapters.TWO_WINDOWS_S * lab.time_scale)
            return watcher
        time.sleep(0.25)
    raise NotReady(f"after {READY_MOST_S:g} s still not healthy: {sorted(watcher.unwell())}")


def _clean(lab: AnyLab, screen: Screen) -> None:
    screen.say("Stopping everything and removing the folder.", "dim")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:  # a second Ctrl-C must not leave half of it running
        signal.signal(number, signal.SIG_IGN)
    try:
        for text in lab.close():
            screen.say(text, "red")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _say_how_to_go_on(lab: AnyLab, screen: Screen) -> None:
    here = f"http://localhost:{lab.port}"
    screen.say(f"Everything is left running: Everup is pid {lab.pid}, its folder {lab.folder}.")
    for line in (
        f"curl {here}/health",
        f"curl {here}/status",
        f"curl {here}/health-scores",
        f"curl {here}/dependencies",
        f"curl {here}/incidents",
        f"curl {here}/actions",
        f"curl {here}/predictions",
        f"curl {here}/approvals",
        f"curl {here}/metrics",
        f"curl -X POST '{here}/recovery/manual/api?recovery_type=restart'",
        f"curl -X POST '{here}/services/{lab.spare}/stop'",
        f"curl -X POST '{here}/services/{lab.spare}/start'",
        f"curl -X POST '{here}/freeze?reason=backup'",
        f"curl -X DELETE {here}/freeze",
    ):
        screen.line_to_type(f"  {line}", "cyan")
    screen.line_to_type(f"To end it: {lab.how_to_end(_everup())}")


def _everup() -> str:
    """What to type: the command, or where it lies when no shell would find it."""
    if shutil.which("everup"):
        return "everup"
    beside = Path(sys.executable).with_name("everup")
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends the story as Ctrl-C does, with everything cleaned up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    scale = float(os.environ.get("TIME_SCALE", "0.2"))
    raise SystemExit(run(scale, keep=os.environ.get("KEEP", "0") not in ("", "0")))
