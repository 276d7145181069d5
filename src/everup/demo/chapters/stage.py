"""What every chapter needs: the lab, the watcher, the pace, and the usual ways to wait.

Times named `true_` are at pace 1 and scaled here; Everup scales the same ones by the same factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from everup.demo.client import Client
from everup.demo.screen import Screen
from everup.demo.story import Allowance, Row, short, wrong_deeds
from everup.demo.watch import Incident, Watcher

SLACK_S = 15.0
"""Added to every wait, unscaled: processes start no faster because a demo is in a hurry."""
TWO_WINDOWS_S = 20.0


class Lab(Protocol):
    """One stack under one Everup, on whatever it runs, and how its services are broken.

    Each fault names the one service that it hurts, and hits its first instance; the answer is the
    pid that was hurt. Raises NoProcess where the service does not run.
    """

    @property
    def time_scale(self) -> float:
        """The pace of this Everup."""

    @property
    def pid(self) -> int:
        """Everup's own."""

    @property
    def store(self) -> str:
        """The service that keeps data and is needed by others."""

    def crash(self, service: str) -> int:
        """SIGKILL."""

    def hang(self, service: str) -> int:
        """SIGSTOP."""

    def unhang(self, service: str, pid: int) -> None:
        """SIGCONT, for the way out; a process that is gone needs none."""

    def turn(self, service: str, **knobs: Any) -> None:
        """Knobs of the living process; they end with it."""

    def keep_broken(self, service: str, **knobs: Any) -> None:
        """Every new process of the service starts with these knobs, until `mend`."""

    def mend(self, service: str) -> None:
        """Undoes `keep_broken`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stack under one Everup, and whoever watches them."""

    lab: Lab
    client: Client
    watcher: Watcher
    screen: Screen

    def scaled(self, true_s: float) -> float:
        """That long at this demo's pace."""
        return true_s * self.lab.time_scale

    def wait(self, is_enough: Callable[[], bool], true_s: float) -> bool:
        """Watches until it is enough, or for this long and some slack."""
        return self.watcher.until(is_enough, self.scaled(true_s) + SLACK_S)

    def watch_on(self, true_s: float) -> None:
        """Watches for that long, to see that nothing more is done."""
        self.watcher.rest(self.scaled(true_s))

    def settle(self, true_s: float = 60.0) -> bool:
        """Waits until every service is healthy and no incident of the chapter is open."""
        return self.wait(self.is_settled, true_s)

    def is_settled(self) -> bool:
        """Every service is healthy, and no incident of the chapter is open."""
        watcher = self.watcher
        return watcher.is_calm() and all(i["state"] != "open" for i in watcher.incidents)

    def has_ended(self, service: str, state: str) -> bool:
        """The chapter's incident on the service ended that way."""
        incident = self.watcher.incident_on(service)
        return incident is not None and incident["state"] == state

    def healed_row(self, fault: str, service: str, most: int, missed: list[str]) -> Row:
        """The row of a chapter whose aim is that `service` is healed in `most` actions."""
        watcher = self.watcher
        incident = watcher.incident_on(service)
        own = [deed for deed in watcher.own() if deed.service == service]
        if incident is None or incident["state"] != "resolved":
            missed.append(f"{service} was not healed")
        elif not any(deed.state == "verified" for deed in own):
            missed.append(f"no action on {service} was verified")
        proof = next((deed.verdict for deed in reversed(own) if deed.state == "verified"), "")
        return Row(
            fault=fault,
            seen_after_s=opened_after(watcher, incident),
            healed_after_s=ended_after(watcher, incident),
            actions=len(watcher.own()),
            wrong=wrong_deeds(watcher.deeds, Allowance(service, most)),
            evidence=short(proof),
            missed=tuple(missed),
        )


Tell = Callable[[Stage, int], Row]
"""Tells one chapter under this number."""


def opened_after(watcher: Watcher, incident: Incident | None) -> float | None:
    """Seconds from the fault until the incident was opened."""
    return None if incident is None else watcher.since_fault(float(incident["opened_at_s"]))


def ended_after(watcher: Watcher, incident: Incident | None) -> float | None:
    """Seconds from the fault until the incident was resolved, None if it was not."""
    if incident is None or incident["state"] != "resolved" or incident["ended_at_s"] is None:
        return None
    return watcher.since_fault(float(incident["ended_at_s"]))
