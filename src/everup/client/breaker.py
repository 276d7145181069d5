"""Ask Everup's breaker before a call, from any Python program. Standard library alone.

    from everup.client import Breaker, BreakerOpen

    postgres = Breaker("api", "postgres")          # one for each critical dependency, kept

    try:
        with postgres.call():                       # raises BreakerOpen instead of calling
            rows = query(…)
    except BreakerOpen as error:
        rows = the_last_ones_that_i_know()          # or answer 503, with error.retry_after_s

Flows in: how calls ended. Flows out: may I call. Neither ever waits for Everup: a thread of its
own, which runs only while there are calls, asks and tells about once a second, and what is answered
here is its latest answer. Where that is missing or too old, since Everup is away, restarts or has
no such breaker, every call is allowed: a program is never worse off for asking.

Half open, the thread asks for the trial only if somebody wanted to call, and whoever calls next in
this program has it; everybody else is told no until its outcome is known.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

URL = "http://127.0.0.1:8010"
URL_VARIABLE, TOKEN_VARIABLE = "EVERUP_URL", "EVERUP_TOKEN"
PASSED, FAILED, SLOW = "p", "f", "s"
QUEUE_MOST = 1000
"""Outcomes that wait to be told; the oldest ones are left out beyond."""
TOLD_AT_ONCE = 500
ANSWER_BYTES_MOST = 64 * 1024
IDLE_S = 30.0
"""Without a call for so long, the thread ends; the next call starts another one."""


class BreakerOpen(Exception):
    """Do not call it now. `retry_after_s`: when to ask again; `reason`: why, in words."""

    def __init__(self, service: str, target: str, reason: str, retry_after_s: float) -> None:
        super().__init__(f"{service} is not to call {target} now: {reason}")
        self.service, self.target = service, target
        self.reason, self.retry_after_s = reason, retry_after_s


@dataclass(frozen=True)
class _Answer:
    """The latest of Everup's, and when it came, on this machine's monotonic clock."""

    at_s: float
    is_allowed: bool
    trial: str = ""
    trial_until_s: float = 0.0
    retry_after_s: float = 0.0
    reason: str = ""
    slow_s: float = float("inf")

    @property
    def keeps_off(self) -> bool:
        """Nobody but the trial is to call."""
        return not self.is_allowed or bool(self.trial)


class Breaker:
    """The breaker on what `service` needs of `target`; safe to share between threads, and it goes
    on in a process that was forked.

    Args:
        service: who calls, by its name in the stack.
        target: whom it calls.
        url: of Everup; by default `EVERUP_URL`, else http://127.0.0.1:8010.
        token: for callers from elsewhere; by default `EVERUP_TOKEN`.
        every_s: how often Everup is asked while there are calls; what is answered here is at most
            about as old.
        timeout_s: how long the thread waits for Everup; no caller ever does.
        stale_s: an answer older than this counts no more, and calls are allowed.
        failures: what of all that leaves a call says that the target failed it; the rest passed.
        clock: monotonic seconds; for tests.

    Raises:
        ValueError: `url` is no address.
    """

    def __init__(
        self,
        service: str,
        target: str,
        *,
        url: str | None = None,
        token: str | None = None,
        every_s: float = 1.0,
        timeout_s: float = 2.0,
        stale_s: float = 10.0,
        failures: tuple[type[Exception], ...] = (Exception,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service, self.target = service, target
        base = (url or os.environ.get(URL_VARIABLE) or URL).rstrip("/")
        names = "/".join(urllib.parse.quote(name, safe="") for name in (service, target))
        self._address = f"{base}/dependencies/breakers/{names}"
        if not base.startswith(("http://", "https://")):
            raise ValueError(f"{base!r} is no address of Everup; write http://HOST:PORT")
        self._token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        self._every_s, self._timeout_s, self._stale_s = every_s, timeout_s, stale_s
        self._failures, self._clock = failures, clock
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self.fault = ""
        """Why Everup was not asked well the last time; "" while it answers."""
        self.shed = 0
        """Outcomes that were left out, since too many waited."""
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Also in a process that was forked: its threads did not come along, a lock may be held."""
        self._pid = os.getpid()
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._thread: threading.Thread | None = None
        self._answer: _Answer | None = None
        self._outcomes: deque[str] = deque(maxlen=QUEUE_MOST)
        self._tried: deque[tuple[str, str]] = deque(maxlen=QUEUE_MOST)
        self._used_at_s = float("-inf")
        self._is_wanted = self._is_telling = False

    # --- for whoever calls ----------------------------------------------------------------------

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call, also an awaited one, or as a decorator. What leaves it as one of
        `failures` has failed, everything else passed, or was slow.

        Raises:
            BreakerOpen: do not call; nothing inside was run.
        """
        trial = self._admit()
        began_s = self._clock()
        try:
            yield
        except self._failures:
            self._tell(FAILED, trial)
            raise
        except Exception:
            self._tell(self._word(self._clock() - began_s), trial)
            raise
        self._tell(self._word(self._clock() - began_s), trial)

    def allows(self) -> bool:
        """May I call now? For whoever tells the outcome by `passed` or `failed`, in the same
        thread; where this is the trial, the next outcome that the thread tells is its."""
        try:
            self._mine.trial = self._admit()
        except BreakerOpen:
            return False
        return True

    def passed(self, took_s: float = 0.0) -> None:
        """A call was answered; after so long it may count as slow."""
        self._tell(self._word(took_s), self._take())

    def failed(self) -> None:
        """A call was not answered, or with an error of the target's. A caller's own mistake, as a
        404, is no failure."""
        self._tell(FAILED, self._take())

    def flush(self, within_s: float = 2.0) -> bool:
        """Wait until all is told, as before a short program ends; False: it was not in time."""
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            with self._lock:
                if not (self._outcomes or self._tried or self._is_telling):
                    return True
            self._due.set()
            time.sleep(0.01)
        return False

    # --- inside ---------------------------------------------------------------------------------

    def _take(self) -> str:
        trial = str(getattr(self._mine, "trial", ""))
        self._mine.trial = ""
        return trial

    def _admit(self) -> str:
        """The trial that this call is, "" for any other one."""
        self._go_on_here()
        with self._lock:
            now_s = self._clock()
            self._is_wanted, self._used_at_s = True, now_s
            self._ensure_thread()
            answer = self._answer
            if answer is not None and answer.trial and now_s < answer.trial_until_s:
                self._answer = _Answer(  # it is one call's alone
                    answer.at_s, False, reason="another call is the trial", retry_after_s=1.0
                )
                return answer.trial
            if answer is None or now_s - answer.at_s > self._stale_s or not answer.keeps_off:
                return ""
            wait_s = max(answer.at_s + answer.retry_after_s - now_s, 0.0) or self._every_s
            raise BreakerOpen(self.service, self.target, answer.reason, wait_s)

    def _word(self, took_s: float) -> str:
        answer = self._answer
        return SLOW if answer is not None and took_s >= answer.slow_s else PASSED

    def _go_on_here(self) -> None:
        if self._pid != os.getpid():
            self._begin_anew()

    def _tell(self, outcome: str, trial: str) -> None:
        self._go_on_here()
        with self._lock:
            self._used_at_s = self._clock()
            if trial:
                self._tried.append((outcome, trial))
                self._due.set()  # everybody waits for it
            else:
                self.shed += len(self._outcomes) == QUEUE_MOST
                self._outcomes.append(outcome)
            self._ensure_thread()

    def _ensure_thread(self) -> None:
        """With the lock. A thread that could not be started is tried again by the next call."""
        if self._thread is not None and self._thread.is_alive():
            return
        name = f"everup breaker {self.service}>{self.target}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many threads, or the program ends
            self.fault = str(error)
            return
        self._thread = thread

    def _run(self) -> None:
        while True:
            self._due.clear()
            self._exchange()
            self._due.wait(self._every_s)
            with self._lock:
                is_idle = self._clock() - self._used_at_s > IDLE_S
                if is_idle and not self._outcomes and not self._tried:
                    self._thread = None
                    return

    def _exchange(self) -> None:
        """Tell what waits, then ask, if somebody wants to know. Whatever fails, nobody else
        does."""
        try:
            told = self._tell_all()
            with self._lock:
                is_wanted, self._is_wanted = self._is_wanted, False
                has_trial = self._has_trial()
            if is_wanted and not has_trial and (told is None or not told["is_allowed"]):
                told = self._post("ask", {})
            if told is not None and not (has_trial and not told.get("trial")):
                self._keep(told)
            self.fault = ""
        except Exception as error:  # noqa: BLE001 - asking is never what breaks a program
            self.fault = f"{type(error).__name__}: {error}"

    def _has_trial(self) -> bool:
        answer = self._answer
        return answer is not None and bool(answer.trial) and self._clock() < answer.trial_until_s

    def _tell_all(self) -> dict[str, Any] | None:
        """The latest answer to it; None: there was nothing to tell. What Everup does not take is
        lost: old outcomes say nothing of now."""
        said = None
        with self._lock:
            self._is_telling = True
            tried = list(self._tried)
            self._tried.clear()
            count = min(len(self._outcomes), TOLD_AT_ONCE)
            letters = "".join(self._outcomes.popleft() for _ in range(count))
        try:
            for outcome, trial in tried:
                said = self._post("outcomes", {"outcomes": outcome, "trial": trial})
            if letters:
                said = self._post("outcomes", {"outcomes": letters})
        finally:
            self._is_telling = False
        return said

    def _keep(self, said: dict[str, Any]) -> None:
        with self._lock:
            now_s = self._clock()
            trial = str(said["trial"])
            lives_s = 0.0 if not trial else float(said.get("trial_for_s") or 0.0)
            self._answer = _Answer(
                now_s,
                bool(said["is_allowed"]),
                trial,
                now_s + lives_s,
                float(said["retry_after_s"]),
                str(said["reason"]),
                float(said["slow_s"]),
            )

    def _post(self, what: str, query: dict[str, str]) -> dict[str, Any]:
        address = f"{self._address}/{what}"
        if query:
            address += "?" + urllib.parse.urlencode(query)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(  # noqa: S310 - its scheme was checked
            address, b"", headers, method="POST"
        )
        try:
            with self._open(request, timeout=self._timeout_s) as response:
                said = json.loads(response.read(ANSWER_BYTES_MOST))
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(_why(error)) from None
        if not isinstance(said, dict):
            raise ValueError(f"{address} says {said!r}")
        return said


def _why(error: urllib.error.HTTPError) -> str:
    """Everup's own words."""
    try:
        said = json.loads(error.read(ANSWER_BYTES_MOST))
        return f"Everup answers {error.code}: {said['detail']}; {said.get('fix', '')}"
    except (ValueError, KeyError, TypeError):
        return f"what answers there is not Everup: {error.code}"
