"""The client that programs import: never waits, calls where nobody answers, one trial for one
call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import everup.client
from everup.client import Breaker, BreakerOpen
from everup.client import breaker as module

CLOSED = {"is_allowed": True, "trial": "", "retry_after_s": 0, "reason": "", "slow_s": 0.5}
OPEN = {**CLOSED, "is_allowed": False, "reason": "5 calls in a row failed", "retry_after_s": 20}


class Everup:
    """Says what a test has it say."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = CLOSED
        self.status = 200
        self.takes_s = 0.0
        self.heard: list[tuple[str, dict[str, str], str]] = []
        mine = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                time.sleep(mine.takes_s)
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                what = url.path.rpartition("/")[2]
                mine.heard.append((what, query, self.headers.get("Authorization", "")))
                said = mine.answer(what, query)
                body = json.dumps(said).encode()
                self.send_response(mine.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, what: str, query: dict[str, str]) -> dict[str, Any]:
        return self.says

    def letters(self) -> str:
        return "".join(q.get("outcomes", "") for _, q, _ in self.heard if "trial" not in q)


@pytest.fixture
def everup_() -> Iterator[Everup]:
    made = Everup()
    yield made
    made.server.shutdown()
    made.server.server_close()


def asking(url: str, **more: Any) -> Breaker:
    return Breaker("api", "postgres", url=url, every_s=0.02, **more)


def until(is_so: Any, within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def is_told(breaker: Breaker, allowed: bool) -> Any:
    return lambda: breaker.allows() is allowed


def test_outcomes_are_told_in_their_order(everup_: Everup) -> None:
    breaker = asking(everup_.url, token="secret")
    for fails in (False, True, False):
        try:
            with breaker.call():
                if fails:
                    raise OSError("refused")
        except OSError:
            pass
    breaker.passed(took_s=0.0)
    until(lambda: breaker._answer is not None)
    breaker.passed(took_s=0.6)
    breaker.failed()
    assert breaker.flush(10.0)
    assert everup_.letters() == "pfppsf"
    assert all(token == "Bearer secret" for _, _, token in everup_.heard)
    assert breaker.fault == ""


def test_open_nothing_is_called(everup_: Everup) -> None:
    everup_.says = OPEN
    breaker = asking(everup_.url)
    until(is_told(breaker, False))
    called = []
    with pytest.raises(BreakerOpen, match="5 calls in a row failed") as caught, breaker.call():
        called.append(1)
    assert not called
    assert 0 < caught.value.retry_after_s <= 20
    everup_.says = CLOSED
    until(is_told(breaker, True))


def test_only_what_counts_as_a_failure_does(everup_: Everup) -> None:
    breaker = asking(everup_.url, failures=(OSError,))
    with pytest.raises(KeyError), breaker.call():
        raise KeyError("my own mistake")
    assert breaker.flush(10.0)
    assert everup_.letters() == "p"


def test_nobody_waits_and_all_may_call_while_everup_is_away() -> None:
    breaker = asking("http://127.0.0.1:1", timeout_s=0.2)
    began_s = time.perf_counter()
    for _ in range(2000):
        with breaker.call():
            pass
    assert time.perf_counter() - began_s < 5.0, "a call costs no time worth naming"
    until(lambda: bool(breaker.fault))
    assert breaker.allows()
    assert breaker.shed >= 0


def test_nobody_waits_for_an_everup_that_hangs(everup_: Everup) -> None:
    everup_.takes_s = 5.0
    breaker = asking(everup_.url, timeout_s=0.1)
    began_s = time.perf_counter()
    assert breaker.allows()
    assert time.perf_counter() - began_s < 1.0
    until(lambda: bool(breaker.fault))
    assert breaker.allows()


def test_an_old_answer_counts_no_more(everup_: Everup) -> None:
    now_s = [0.0]
    everup_.says = OPEN
    breaker = asking(everup_.url, clock=lambda: now_s[0])
    until(is_told(breaker, False))
    everup_.status = 503
    until(lambda: bool(breaker.fault))
    assert not breaker.allows()
    now_s[0] += 11.0
    assert breaker.allows(), "Everup is away"


def test_one_call_of_many_threads_is_the_trial(everup_: Everup) -> None:
    given: list[str] = []

    def answer(what: str, query: dict[str, str]) -> dict[str, Any]:
        if what == "outcomes" and query.get("trial"):
            everup_.says = CLOSED
            return CLOSED
        if what == "ask" and everup_.says is not CLOSED and not given:
            given.append("trial-1")
            return {**CLOSED, "trial": "trial-1", "trial_for_s": 30.0}
        return everup_.says

    everup_.says, everup_.answer = OPEN, answer  # type: ignore[method-assign]
    breaker = asking(everup_.url)
    until(lambda: breaker.allows() or bool(given))
    until(lambda: breaker._answer is not None and bool(breaker._answer.trial))
    came: list[int] = []

    def work(number: int) -> None:
        try:
            with breaker.call():
                came.append(number)
                time.sleep(0.1)
        except BreakerOpen:
            pass

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(came) == 1
    until(is_told(breaker, True))
    trials = [q for what, q, _ in everup_.heard if q.get("trial")]
    assert trials == [{"outcomes": "p", "trial": "trial-1"}]


def test_idle_it_asks_nothing(everup_: Everup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    breaker = asking(everup_.url)
    assert breaker.allows()
    until(lambda: breaker._thread is None)
    count = len(everup_.heard)
    time.sleep(0.1)
    assert len(everup_.heard) == count
    assert breaker.allows(), "and begins again"
    until(lambda: len(everup_.heard) > count)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_it_goes_on_in_a_fork(everup_: Everup) -> None:
    breaker = asking(everup_.url)
    assert breaker.allows()
    breaker._lock.acquire()  # as when another thread forks
    child = os.fork()
    if not child:
        breaker.failed()
        os._exit(0 if breaker.flush(10.0) else 1)
    breaker._lock.release()
    assert os.waitpid(child, 0)[1] == 0
    assert "f" in everup_.letters()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:8010"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Breaker("api", "postgres", url=url)


def test_a_copy_of_the_file_needs_nothing_else(tmp_path: Path) -> None:
    source = Path(everup.client.__file__).with_name("breaker.py")
    (tmp_path / "breaker.py").write_text(source.read_text())
    line = "import breaker, sys; print(breaker.Breaker('a', 'b').allows(), 'everup' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {line}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert said == "True False\n"
