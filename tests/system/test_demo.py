"""The demo, whole, and once: a real stack, a real Everup, seven real faults, the verdict; then what
KEEP=1 leaves running, asked with plain curl; then its end by the line that it prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [
    pytest.mark.usefixtures("real_servers", "port_of_everup"),
    pytest.mark.timeout(900),
    pytest.mark.system,
]
TIME_SCALE = "0.2"
"""The pace that the demo is made for; a faster one measures the host more than Everup."""
SETTLES_WITHIN_S = 60.0
GETS = (
    "health",
    "status",
    "health-scores",
    "dependencies",
    "incidents",
    "actions",
    "plan",
    "predictions",
)


@dataclass(frozen=True)
class Kept:
    """What a demo with KEEP=1 has said and left."""

    code: int
    said: str

    @property
    def port(self) -> int:
        return int(self._found(r"curl http://localhost:(\d+)/health\s"))

    @property
    def folder(self) -> Path:
        return Path(self._found(r"&& rm -r (.*)$"))

    @property
    def lines(self) -> list[str]:
        """The curl lines that it printed."""
        return re.findall(r"^ *(curl .*)$", self.said, re.MULTILINE)

    @property
    def end(self) -> str:
        return self._found(r"To end it: (.*)$")

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.said, re.MULTILINE)
        assert found, self.said
        return found[1].strip()

    def processes(self) -> list[psutil.Process]:
        """Whoever works in its folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Kept]:
    told = subprocess.run(
        [sys.executable, "-m", "everup.demo.main"],
        env={
            **os.environ,
            "TIME_SCALE": TIME_SCALE,
            "KEEP": "1",
            "PYTHONUNBUFFERED": "1",
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=380,
        check=False,
    )
    kept = Kept(told.returncode, told.stdout)
    try:
        yield kept
    finally:
        if "To end it" in kept.said:
            for process in kept.processes():  # nothing, unless a test has failed
                with suppress(psutil.Error):
                    process.kill()


def test_the_demo_and_what_it_leaves(demo: Kept) -> None:
    """One test, since there must be one demo: tests of a module may run in several processes."""
    _it_heals_what_it_should_and_touches_nothing_else(demo)
    _every_line_that_it_prints_works(demo)
    for path in GETS:
        _what_can_be_asked(demo, path)
    _metrics_are_text_for_prometheus(demo)
    _a_recovery_by_hand(demo)
    _freeze_and_unfreeze(demo)
    _stop_and_start_of_a_service(demo)
    _the_line_that_ends_it_leaves_nothing(demo)


def curl(line: str) -> tuple[int, str]:
    """A line as a person would type it → (status, body)."""
    words = line.replace("curl ", "curl -sS --noproxy '*' -w '\\n%{http_code}' ", 1)
    done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (line, done.stderr)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def until_accepted(line: str) -> dict[str, Any]:
    """The gate may say *not yet* while something is being proven; it must not for long."""
    ends_s = time.monotonic() + SETTLES_WITHIN_S
    while True:
        status, body = curl(line)
        if status in (200, 202):
            answer: dict[str, Any] = json.loads(body)
            return answer
        assert status == 409, (line, status, body)
        assert time.monotonic() < ends_s, (line, body)
        time.sleep(0.5)


def _it_heals_what_it_should_and_touches_nothing_else(demo: Kept) -> None:
    assert demo.code == 0, demo.said
    assert "time_scale is 0.2" in demo.said
    table = demo.said.split("What happened")[1]
    for word in (
        "api",
        "leak of",
        "asked first",
        "redis",
        "escalated",
        "left alone",
        "not touched",
    ):
        assert word in table
    assert "nothing else was touched" in table


def _every_line_that_it_prints_works(demo: Kept) -> None:
    assert len(demo.lines) > 8, demo.said
    for line in demo.lines:
        status, body = curl(line)
        assert status in (200, 202, 409), (line, status, body)
        assert status != 409 or "-X POST" in line, "only the gate may say no, and only to a wish"


def _what_can_be_asked(demo: Kept, path: str) -> None:
    status, body = curl(f"curl -f http://localhost:{demo.port}/{path}")
    assert status == 200
    answer = json.loads(body)
    if path == "health-scores":
        assert len(answer["services"]) == 12
    if path == "status":
        assert len(answer["components"]) == 5
    if path in ("incidents", "actions"):
        newest = answer[path][0]["id"]
        assert curl(f"curl http://localhost:{demo.port}/{path}/{newest}")[0] == 200


def _metrics_are_text_for_prometheus(demo: Kept) -> None:
    status, body = curl(f"curl http://localhost:{demo.port}/metrics")
    assert status == 200
    assert "# TYPE everup_" in body


def _a_recovery_by_hand(demo: Kept) -> None:
    here = f"http://localhost:{demo.port}"
    answer = until_accepted(f"curl -X POST '{here}/recovery/manual/api?recovery_type=restart'")
    assert answer["service"] == "api"
    status, body = curl(f"curl {here}{answer['action']}")
    assert status == 200
    assert json.loads(body)["kind"] == "graceful_restart"


def _freeze_and_unfreeze(demo: Kept) -> None:
    here = f"http://localhost:{demo.port}"
    assert curl(f"curl -X POST '{here}/freeze?reason=backup'")[0] == 200
    assert json.loads(curl(f"curl {here}/status")[1])["freezes"][0]["reason"] == "backup"
    assert curl(f"curl -X DELETE {here}/freeze")[0] == 200
    assert json.loads(curl(f"curl {here}/status")[1])["freezes"] == []


def _stop_and_start_of_a_service(demo: Kept) -> None:
    here = f"http://localhost:{demo.port}"
    for verb, condition in (("stop", "stopped"), ("start", "healthy")):
        until_accepted(f"curl -X POST '{here}/services/ollama/{verb}'")
        ends_s = time.monotonic() + SETTLES_WITHIN_S
        while (found := _condition(here, "ollama")) != condition:
            assert time.monotonic() < ends_s, (verb, found)
            time.sleep(0.5)


def _condition(here: str, service: str) -> str:
    scores = json.loads(curl(f"curl {here}/health-scores")[1])
    return str(scores["services"][service]["condition"])


def _the_line_that_ends_it_leaves_nothing(demo: Kept) -> None:
    assert demo.processes() != []
    ended = subprocess.run(
        demo.end, shell=True, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, (demo.end, ended.stdout, ended.stderr)
    assert not demo.folder.exists()
    assert demo.processes() == []
