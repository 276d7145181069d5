"""A real Everup over real processes: killed with -9 at an escalation, it tells people once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)
WAITS_S = 45.0


class Office(ThreadingHTTPServer):
    """Keeps each call: method, path, key, body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.calls: list[tuple[str, str, str, bytes]] = []

    def told(self) -> list[tuple[str, str]]:
        """Key and occasion of every message."""
        return [(key, json.loads(b)["occasion"]) for m, _, key, b in list(self.calls) if b]


class _Desk(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Office)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        key = self.headers.get("idempotency-key", "")
        server.calls.append((self.command, self.path, key, body))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def office() -> Iterator[Office]:
    server = Office()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def until(what: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + WAITS_S
    while not what():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


def test_an_escalation_is_told_once_over_a_kill_and_its_end_after_it(
    tmp_path: Path, office: Office, free_port: int
) -> None:
    address = f"http://127.0.0.1:{office.server_address[1]}"
    (tmp_path / "everup.yaml").write_text(
        f"""
stack: told
mode: auto
time_scale: 0.1
listen: 127.0.0.1:{free_port}
notify: {{webhook: {{url_env: OFFICE}}}}
heartbeat: {{url: "{address}/beat", every: 5s}}
services:
  bad: {{command: [sh, -c, "test -e {tmp_path}/good && exec sleep 300; sleep 0.2; exit 3"]}}
"""
    )
    folder = tmp_path / ".everup"
    environment = {**os.environ, "OFFICE": f"{address}/page/s3cr3t"}

    def everup(*words: str) -> list[str]:
        return [sys.executable, "-m", "everup.cli", *words]

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "up.log").open("ab") as log:
            return subprocess.Popen(
                everup("up"), cwd=tmp_path, env=environment, stdout=log, stderr=log
            )

    def ask(*words: str) -> None:
        subprocess.run(
            everup(*words), cwd=tmp_path, env=environment, timeout=60, capture_output=True
        )

    first = start()
    try:
        until(office.told)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        second = start()
        try:
            beats = len(office.calls)
            until(lambda: len(office.calls) > beats)
            time.sleep(1.0)
            keys = [key for key, _ in office.told()]
            assert len(set(keys)) == 1, "the same incident has one key"
            assert keys[0].endswith("/escalated")
            assert len(keys) <= 2
            (tmp_path / "good").touch()
            ask("heal", "bad")
            until(lambda: office.told()[-1][1] == "resolved")
            thread = keys[0].rpartition("/")[0]
            assert office.told()[-1][0] == f"{thread}/resolved"
        finally:
            ask("down")
            second.wait(30)
    finally:
        if first.poll() is None:
            first.kill()
            first.wait(10)
    lines = [json.loads(li) for li in (folder / "logs" / "everup.log").read_text().splitlines()]
    assert {"IncidentEscalated", "Notified"} <= {line["event"] for line in lines}
    for file in (folder / "logs" / "everup.log", tmp_path / "up.log"):
        assert "s3cr3t" not in file.read_text()
    assert list((folder / "history").glob("*.history"))
