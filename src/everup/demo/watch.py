"""Follows what Everup does, over its API, and says each change once.

In: the answers of /incidents, /actions and /health-scores. Out: timed lines on the screen, and the
incidents and actions of the present chapter. Called by the chapters; what is right or wrong is left
to `story`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from everup.demo.client import Client, NoAnswer
from everup.demo.screen import Screen
from everup.demo.story import Deed, own_deeds
from everup.model.words import named, plain

POLL_S = 0.25
WELL = ("healthy", "stopped")

Incident = Mapping[str, Any]


class Watcher:
    """Sees one chapter at a time; `begin` starts the next."""

    def __init__(self, client: Client, screen: Screen) -> None:
        self._client = client
        self._screen = screen
        self._before: set[str] = set()  # actions and incidents of earlier chapters
        self._said: dict[str, str] = {}  # what → latest thing said of it
        self.told: set[str] = set()  # actions that fell into a chapter
        self.incidents: list[Incident] = []
        self.deeds: list[Deed] = []
        self.everything: list[Deed] = []  # of all chapters, and of the time between them
        self.conditions: dict[str, str] = {}
        self.seen_unwell: set[str] = set()
        self.fault_at_s = time.time()

    def begin(self) -> None:
        """What is there now belongs to the past."""
        self._before |= {str(entry["id"]) for entry in self._client.incidents()}
        self._before |= {str(entry["id"]) for entry in self._client.actions()}
        self._said = {}
        self.incidents, self.deeds = [], []
        self.seen_unwell = set()
        self.fault_at_s = time.time()
        self._screen.begin()

    def forget(self) -> None:
        """What was seen is of another life of Everup's: nothing is known until the next look."""
        self.conditions = {}

    def look(self) -> None:
        """One poll. An unanswered one is skipped: the next comes soon."""
        try:
            incidents = self._client.incidents()
            actions = self._client.actions()
            self.conditions = self._client.conditions()
        except NoAnswer:
            return
        self.incidents = [one for one in incidents if str(one["id"]) not in self._before]
        self.everything = [Deed.read(record) for record in actions]
        self.deeds = [deed for deed in self.everything if deed.id not in self._before]
        self.told |= {deed.id for deed in self.deeds}
        self._tell()

    def glance(self) -> None:
        """One poll of which nothing is said: for the time before the story."""
        with suppress(NoAnswer):
            self.everything = [Deed.read(record) for record in self._client.actions()]
            self.conditions = self._client.conditions()

    def until(self, is_enough: Callable[[], bool], most_s: float) -> bool:
        """Looks until it is enough, or for this long; False if it never was."""
        ends_s = time.monotonic() + most_s
        while time.monotonic() < ends_s:
            self.look()
            if is_enough():
                return True
            time.sleep(POLL_S)
        return False

    def rest(self, for_s: float) -> None:
        """Goes on looking for this long, whatever happens."""
        self.until(lambda: False, for_s)

    def unwell(self) -> set[str]:
        """Services that are neither healthy nor stopped."""
        return {name for name, word in self.conditions.items() if word not in WELL}

    def is_calm(self) -> bool:
        """All is well, and Everup is doing and proving nothing more."""
        return self.all_well() and all(deed.has_ended for deed in self.everything)

    def all_well(self) -> bool:
        """Every service is seen and healthy (or stopped by a person)."""
        return bool(self.conditions) and not self.unwell()

    def incident_on(self, service: str, cause: str = "") -> Incident | None:
        """The latest incident of this chapter on the service, with that cause if one is named."""
        found = [
            one
            for one in self.incidents
            if one["service"] == service and (not cause or one["cause"] == cause)
        ]
        return max(found, key=lambda one: float(one["opened_at_s"]), default=None)

    def own(self) -> list[Deed]:
        """Everup's own actions of this chapter, oldest first."""
        return own_deeds(self.deeds)

    def since_fault(self, at_s: float | None) -> float | None:
        """Seconds between the fault and that moment."""
        return None if at_s is None else at_s - self.fault_at_s

    def now_after(self) -> float:
        """Seconds since the fault, now."""
        return time.time() - self.fault_at_s

    def _tell(self) -> None:
        for one in sorted(self.incidents, key=lambda one: float(one["opened_at_s"])):
            self._tell_incident(one)
        for deed in sorted(self.deeds, key=lambda deed: deed.at_s):
            self._tell_deed(deed)
        unwell = self.unwell()
        self.seen_unwell |= unwell
        listed = ", ".join(sorted(unwell)) or "nobody"
        if unwell or "unwell" in self._said:
            self._once("unwell", listed, f"not healthy now ({len(unwell)}): {listed}", "calm")

    def _tell_incident(self, one: Incident) -> None:
        key, service, state = str(one["id"]), one["service"], str(one["state"])
        cause = str(one["cause"]).replace("_", " ")
        is_new = key not in self._said
        what = "incident opened" if is_new else "its cause is now"
        reason = f"{service}: {what}: {cause}: {one.get('reason', '')}"
        self._once(key, cause, reason, "seen")
        victims = sorted(one.get("victims") or ())
        if victims:
            text = f"{service}: its victims ({len(victims)}): {', '.join(victims)}"
            self._once(f"{key} victims", text, text, "calm")
        waiting = str(one.get("waiting_for") or "")
        if waiting and state == "open":
            pattern = re.sub(r"[\d.]+", "", waiting)
            self._once(f"{key} waiting", pattern, f"{service}: waits: {plain(waiting)}", "calm")
        if state != "open":
            mark = "good" if state == "resolved" else "seen"
            self._once(
                f"{key} end",
                state,
                f"{service}: {state}: {plain(str(one.get('ending', '')))}",
                mark,
            )

    def _tell_deed(self, deed: Deed) -> None:
        by = "" if deed.is_by_everup else " (asked for by a person)"
        self._once(deed.id, deed.kind, f"{deed.service}: {named(deed.kind)} begins{by}", "did")
        if not deed.has_ended:
            return
        text = (
            f"{deed.service}: {named(deed.kind)} {deed.state}: {plain(deed.verdict or deed.error)}"
        )
        mark = "good" if deed.state == "verified" else "seen"
        self._once(f"{deed.id} end", deed.state, text, mark)

    def _once(self, key: str, state: str, text: str, mark: str) -> None:
        if self._said.get(key) != state:
            self._said[key] = state
            self._screen.line(text, mark)
