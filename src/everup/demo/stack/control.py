"""Turns the knobs of a running stack from outside: for the demo, chaos experiments and tests.

Faults come in two kinds. ``turn`` reaches the living process and ends with it. ``keep_broken``
writes the file that every new process of the service reads, until ``mend`` removes it.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from everup.demo.stack.knobs import Knobs
from everup.demo.stack.topology import BY_NAME


def ask(port: int, path: str, *, timeout_s: float = 5.0) -> tuple[int, Any]:
    """``GET`` from a service: (status, decoded answer). A status of 4xx or 5xx is an answer."""
    return _exchange(port, "GET", path, None, timeout_s)


def tell(port: int, path: str, payload: Any = None, *, timeout_s: float = 5.0) -> tuple[int, Any]:
    """``POST`` to a service: (status, decoded answer)."""
    return _exchange(port, "POST", path, payload or {}, timeout_s)


def turn(port: int, **knobs: Any) -> Any:
    """Turns knobs of one instance, as in ``turn(9070, leak_mb_per_s=20)``; returns them all."""
    status, answer = tell(port, "/knobs", knobs)
    if status != 200:
        raise ValueError(f"the service on port {port} refused: {answer}")
    return answer


def keep_broken(directory: Path, service: str, **knobs: Any) -> Path:
    """Lets every new process of the service start with these knobs.

    ``keep_broken(directory, "worker", exit_on_start=1, after_s=0.2)`` makes a crash loop.
    """
    Knobs().turn(knobs)
    path = _fault_file(directory, service)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(knobs) + "\n", encoding="utf-8")
    fresh.replace(path)
    return path


def mend(directory: Path, service: str) -> None:
    """Removes what ``keep_broken`` wrote. Processes that run already keep their knobs."""
    _fault_file(directory, service).unlink(missing_ok=True)


def _fault_file(directory: Path, service: str) -> Path:
    if service not in BY_NAME:
        raise LookupError(f"no service {service!r} in the stack")
    return directory / "knobs" / f"{service}.json"


def _exchange(port: int, method: str, path: str, payload: Any, timeout_s: float) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=None if payload is None else json.dumps(payload).encode(),
        headers={"content-type": "application/json"},
    )
    # A proxy named in the environment must not stand between programs of one host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _EveryStatus())
    with opener.open(request, timeout=timeout_s) as answer:
        body = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(body) if is_json else body.decode()


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    """Hands every answer on, instead of raising for some."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response
