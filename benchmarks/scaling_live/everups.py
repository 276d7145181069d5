"""A side whose instances Everup has: told how many there should be, or scaling by itself.

The real `everup up` with its API. Told: the plain rule asks by `POST /scaling/manual`, so that what
Everup's own way of acting costs is seen beside the same rule without it.
"""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scaling_live.haproxy import Haproxy
from benchmarks.scaling_live.world import SERVICE
from everup.demo.begun import Begun

WELL_WITHIN_S = 90.0
ANSWER_WITHIN_S = 30.0
DECISIONS_MOST = 100
CONFLICT = 409
REASON_CHARS_MOST = 100
MODES = {False: "observe", True: "auto"}


@dataclass(frozen=True, slots=True)
class Way:
    """How Everup is run. `scales`: by itself, else it is told."""

    scales: bool = False
    time_scale: float = 1.0


def write(folder: Path, document: Mapping[str, Any]) -> Path:
    """Its `everup.yaml`."""
    file = folder / "everup.yaml"
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
    return file


class Everup:
    """One process of it."""

    def __init__(self, folder: Path, port: int, way: Way, words: list[str]) -> None:
        self.port = port
        self._words, self._begun = words, Begun(folder, folder / "everup.log")
        listen, state = ["--listen", f"127.0.0.1:{port}"], ["--state-dir", str(folder / "state")]
        pace = [] if way.time_scale == 1.0 else ["--time-scale", f"{way.time_scale:g}"]
        self._begun.start("up", *words, "--mode", MODES[way.scales], *listen, *state, *pace)
        self._state = state

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._begun.pid

    def await_well(self) -> None:
        """Until it says that the service is healthy.

        Raises:
            TimeoutError: it does not; with the end of its log.
        """
        deadline_s = time.monotonic() + WELL_WITHIN_S
        while True:
            try:
                _, told = self.ask("GET", "/health-scores")
                if told["services"][SERVICE]["condition"] == "healthy":
                    return
            except (OSError, KeyError, ValueError, http.client.HTTPException):
                pass
            if self._begun.has_died() or time.monotonic() > deadline_s:
                raise TimeoutError(f"Everup has nothing that is well:\n{self._begun.last_words()}")
            time.sleep(0.2)

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """Status and document. Raises OSError, HTTPException."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
        try:
            line.request(method, path)
            answer = line.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            line.close()

    def decisions(self) -> list[dict[str, Any]]:
        """What was scaled, newest first."""
        _, told = self.ask("GET", f"/scaling/decisions?limit={DECISIONS_MOST}")
        return list(told["decisions"])

    def stop(self, *, with_services: bool) -> None:
        """It ends; what it started too, where it did."""
        if with_services:
            self._begun.run("down", *self._words, *self._state)
        self._begun.stop()


class ByEverup:
    """A side of Everup's. `runs`: counts its instances; `clean`: whatever is left when it ended."""

    def __init__(
        self,
        name: str,
        port: int,
        haproxy: Haproxy,
        everup: Everup,
        runs: Callable[[], int],
        clean: Callable[[], None],
        *,
        ends_services: bool,
    ) -> None:
        self.name, self.port, self.haproxy, self.everup = name, port, haproxy, everup
        self.runs, self._clean = runs, clean
        self._ends_services = ends_services
        self._worker = ThreadPoolExecutor(1)
        self._asked: Future[None] | None = None
        self.put_off: Counter[str] = Counter()
        """By what the gate said against it."""

    @property
    def count(self) -> int:
        """How many there are."""
        return self.runs()

    @property
    def changes(self) -> list[int]:
        """Scalings out and in that were begun."""
        kinds = [one["kind"] for one in self.everup.decisions()]
        return [kinds.count("scale_out"), kinds.count("scale_in")]

    def scale(self, count: int) -> None:
        """Ask for it, unless an answer is waited for; whoever is put off asks again."""
        if count == self.count or not self.is_idle():
            return
        self._asked = self._worker.submit(self._ask, count)

    def is_idle(self) -> bool:
        """Has the latest question been answered? Raises what it raised."""
        if self._asked is None or not self._asked.done():
            return self._asked is None
        self._asked.result()
        self._asked = None
        return True

    def close(self) -> None:
        """All has ended."""
        self._worker.shutdown(wait=True)
        try:
            self.everup.stop(with_services=self._ends_services)
        finally:
            self._clean()

    def _ask(self, count: int) -> None:
        query = f"instances={count}&by=plain+rule"
        status, told = self.everup.ask("POST", f"/scaling/manual/{SERVICE}?{query}")
        if status == CONFLICT:
            self.put_off[str(told.get("detail", ""))[:REASON_CHARS_MOST]] += 1
        elif status >= 400:
            raise OSError(f"{status}: {told}")
