"""What runs in the demo's containers: a small web service that can be broken.

Standard library only. `service.py` serves on 8080; `service.py check` is the container's
healthcheck. Environment: NAME, NEEDS (services without which it cannot work, with commas), DATA (a
folder that it must be able to write), BROKEN=1 (a release that never works). `/knobs/NAME.json`
holds faults of every new process.

GET /health 200 or 503 · GET /ping alive · POST /knobs faults of this process · POST /cache/clear
"""

from __future__ import annotations

import http.client
import json
import mmap
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8080
ASK_WITHIN_S = 0.7
MB = 1024 * 1024
NAME = os.environ.get("NAME", "service")
NEEDS = [name for name in os.environ.get("NEEDS", "").split(",") if name]
DATA = os.environ.get("DATA", "")
IS_BROKEN = os.environ.get("BROKEN") == "1"
KNOBS = Path("/knobs") / f"{NAME}.json"

knobs: dict[str, float] = {}
cache: list[mmap.mmap] = []
lost: list[mmap.mmap] = []


def grow() -> None:
    """Takes memory as fast as the knobs say. Mapped, so that it goes back when it is let go."""
    owed = {"cache": 0.0, "leak": 0.0}
    while True:
        time.sleep(0.1)
        for name, held in (("cache", cache), ("leak", lost)):
            owed[name] += knobs.get(f"{name}_mb_per_s", 0.0) * 0.1
            for _ in range(int(owed[name])):
                block = mmap.mmap(-1, MB)
                block.write(b"x" * MB)
                held.append(block)
            owed[name] %= 1


def what_fails() -> str:
    """Why this service cannot work; "" when it can."""
    if IS_BROKEN:
        return "this release does not work"
    if DATA:
        beat = Path(DATA) / "beat"
        try:
            beat.write_bytes(b"x" * 8192)
            beat.unlink()
        except OSError as error:
            return f"{DATA}: {error.strerror}"
    for name in NEEDS:
        if not answers(name, "/ping"):
            return f"{name} does not answer"
    return ""


def answers(host: str, path: str) -> bool:
    """200, and soon."""
    try:
        connection = http.client.HTTPConnection(host, PORT, timeout=ASK_WITHIN_S)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


def fill(folder: str) -> None:
    """Until nothing more goes in."""
    try:
        with (Path(folder) / "full").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65536)
    except OSError:
        return


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(200, {"pong": NAME})
            return
        why = what_fails()
        self._answer(503 if why else 200, {"service": NAME, "fails": why})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/cache/clear":
            self._answer(200, {"freed_mb": len(cache)})
            cache.clear()
        elif self.path == "/knobs":
            knobs.update(json.loads(body))
            self._answer(200, knobs)
            if knobs.pop("fill", 0) and DATA:
                fill(DATA)
        else:
            self._answer(404, {"error": self.path})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a healthcheck a second would be all that one sees."""


def main() -> int:
    """Serves until SIGTERM; its exit code."""
    if sys.argv[1:] == ["check"]:
        return 0 if answers("127.0.0.1", "/health") else 1
    if KNOBS.is_file():
        kept = json.loads(KNOBS.read_text(encoding="utf-8"))
        if "exit_on_start" in kept:
            time.sleep(float(kept.get("after_s", 0.0)))
            print(f"{NAME}: told to exit with {kept['exit_on_start']}", flush=True)
            return int(kept["exit_on_start"])
        knobs.update(kept)
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Handler)  # noqa: S104 - within its container
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=grow, daemon=True).start()
    print(f"{NAME}: listening on {PORT}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
