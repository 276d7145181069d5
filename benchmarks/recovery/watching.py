"""Two threads of a cell: one keeps the engine's events, one asks like an end user, every 0.2 s."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.recovery.counting import Row
from benchmarks.recovery.engines import Engine
from benchmarks.recovery.places import LABEL, end

ASK_EVERY_S = 0.2
ANSWER_WITHIN_S = 1.0
LASTS_S = 2.0
LISTENS_WITHIN_S = 0.5


def ask(port: int, path: str = "/", timeout_s: float = ANSWER_WITHIN_S) -> int:
    """The status; 0 when there is no answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        line.request("GET", path)
        return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        line.close()


class Events:
    """The engine's events of one cell; from `since_s` on as far as it remembers."""

    def __init__(self, engine: Engine, cell: str, since_s: float | None = None) -> None:
        self.rows: list[Row] = []
        filters = ["--filter", f"label={LABEL}.cell={cell}", "--filter", "type=container"]
        if since_s is not None:
            filters += ["--since", f"{since_s:.3f}"]
        command = ["docker", "-H", engine.address, "events", *filters, "--format", "{{json .}}"]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        time.sleep(LISTENS_WITHIN_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        about = event["Actor"]["Attributes"]
        action = event.get("Action") or event.get("status", "")
        if action.startswith(("exec_", "attach", "top")):
            return
        service = about.get("com.docker.compose.service") or about.get("name", "")
        self.rows.append(
            Row(
                event["timeNano"] / 1e9,
                action,
                service,
                event["Actor"]["ID"],
                about.get("signal", ""),
            )
        )

    def stop(self) -> list[Row]:
        """No more of them; what there was."""
        end(self._process)
        self._thread.join(LISTENS_WITHIN_S * 4)
        return self.rows


@dataclass(slots=True)
class Answers:
    """What the end user has seen since the fault."""

    asked: int = 0
    failed: int = 0
    down_at_s: float | None = None
    good_since_s: float | None = None
    last_bad_s: float | None = None

    def take(self, began_s: float, is_good: bool) -> None:
        """One answer to a question that was asked at `began_s`."""
        self.asked += 1
        if is_good:
            if self.good_since_s is None:
                self.good_since_s = time.time()
            return
        self.failed += 1
        self.down_at_s = began_s if self.down_at_s is None else self.down_at_s
        self.last_bad_s = began_s
        self.good_since_s = None

    def has_recovered(self) -> bool:
        """It failed, and has been good for as long as counts."""
        return (
            self.down_at_s is not None
            and self.good_since_s is not None
            and time.time() - self.good_since_s >= LASTS_S
        )


class User:
    """Asks the front of a stack until it is stopped."""

    def __init__(self, engine: Engine, port: int, every_s: float = ASK_EVERY_S) -> None:
        self.answers = Answers()
        self._engine, self._port, self._every_s = engine, port, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        self._engine.enter()
        while not self._stopped.is_set():
            began_s = time.time()
            self.answers.take(began_s, ask(self._port) == http.client.OK)
            self._stopped.wait(self._every_s - (time.time() - began_s))

    def begin_anew(self) -> Answers:
        """Forget what was; a fault comes."""
        self.answers = Answers()
        return self.answers

    def stop(self) -> None:
        """No more questions."""
        self._stopped.set()
        self._thread.join(ANSWER_WITHIN_S * 3)
