"""A stack in which nothing is to be mended, under a real Everup in mode auto: any action is wrong.

Flows in: services that look sick and are not, and what is done to them. Flows out: what Everup said
while it held still, and the journal. A service `witness` is always there: at the end of each story
it is killed, and healed, so that nobody passes by being asleep.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from everup.demo.client import NoAnswer
from everup.model import entries as e
from everup.model.kinds import Origin
from tests.system.kill_world import World, check_journal, small, until

WITNESS = "witness"
LOOK_EVERY_S = 0.1
HEALED_WITHIN_S = 60.0


class ControlWorld(World):
    """`said` holds what `everup plan` gave as the reason last, `ever_said` all over the story."""

    def __init__(
        self, folder: Path, services: Mapping[str, dict[str, Any]], time_scale: float
    ) -> None:
        super().__init__(folder, {**services, WITNESS: small(folder, WITNESS)}, time_scale)
        self.said: dict[str, dict[str, str]] = {}
        self.ever_said: set[str] = set()

    def lives(self) -> dict[str, list[str]]:
        """Service → identities of what runs; they change with each start."""
        services = self.client.get("/stack")["services"]
        return {s["name"]: [i["identity"] for i in s["instances"]] for s in services}

    def settled_lives(self, stopped: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """What runs once all is well."""
        self.until_calm(stopped)
        return self.lives()

    def look(self) -> None:
        """Take down what is said of each service now: reason of the hold → its text."""
        with suppress(NoAnswer):
            for decision in self.client.get("/plan")["decisions"]:
                if decision["hold"] is not None:
                    hold = decision["hold"]
                    of_service = self.said.setdefault(decision["service"], {})
                    of_service[hold["reason"]] = hold["text"]
                    self.ever_said.add(hold["text"])

    def watch(self, for_s: float) -> None:
        """Look again and again for so long."""
        ends_s = time.monotonic() + for_s
        while time.monotonic() < ends_s:
            self.look()
            time.sleep(LOOK_EVERY_S)

    def watch_until(self, is_so: Callable[[], bool], within_s: float, what: str) -> None:
        """The same until something happens, and fail when it does not."""

        def watching() -> bool:
            self.look()
            return is_so()

        until(watching, within_s, what, lambda: f"{self.said}\n{self.story()}")

    def condition(self, service: str) -> str:
        """In one word; "unknown" while nobody answers."""
        with suppress(NoAnswer):
            return self.client.conditions()[service]
        return "unknown"

    def heals_a_real_fault(self) -> None:
        """The witness is killed and comes back by itself."""
        before = len(self.starts(WITNESS))
        self.hurt(WITNESS, signal.SIGKILL)
        until(
            lambda: len(self.starts(WITNESS)) > before,
            HEALED_WITHIN_S,
            "the witness is healed",
            self.story,
        )

    def end_untouched(
        self, lives: Mapping[str, list[str]], stopped: tuple[str, ...] = ()
    ) -> list[e.Entry]:
        """Nothing was done but for the witness, and every other one lives its old life."""
        self.heals_a_real_fault()
        now = self.settled_lives(stopped)
        others = {n: now[n] for n in now if n != WITNESS}
        before = {n: lives[n] for n in lives if n != WITNESS}
        assert others == before, f"{before} became {others}\n{self.story()}"
        entries = self.end()
        check_journal(entries)
        assert [i.step.target for i in recoveries(entries)] == [WITNESS], self.said
        return entries


def recoveries(entries: list[e.Entry]) -> list[e.Intended]:
    """What Everup began by itself."""
    found = [entry for entry in entries if isinstance(entry, e.Intended)]
    return [entry for entry in found if entry.origin is not Origin.PERSON]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """To each of them that still lives."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
