"""`everup status --follow`: lines as they come, taken up again after a break."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from everup.api.shapes.base import plain
from everup.cli import follow
from everup.cli.exits import Stop
from everup.cli.place import Place
from everup.model import entries as e
from everup.model.kinds import Cause

OPENED = e.IncidentOpened(1.0, "inc-1", "redis", Cause.HANG, "does not answer", ("api",))
FROZEN = e.FreezeSet(2.0, "", "backup", "me", float("nan"))


def shape(sequence: int, entry: e.Entry) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "hash": "h",
        "type": type(entry).__name__,
        "at_s": entry.at_s,
        "data": plain(entry),
    }


class Everup(BaseHTTPRequestHandler):
    """Sends one event a connection, then breaks it; the third connection is refused."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["Last-Event-ID"])
        if len(self.asked) > 2:
            self.send_response(422)
            self.end_headers()
            self.wfile.write(json.dumps({"detail": "enough", "fix": "stop"}).encode())
            return
        sequence = len(self.asked)
        data = json.dumps(shape(sequence, (OPENED, FROZEN)[sequence - 1]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"retry: 1\n\n: still here\n\nid: {sequence}\ndata: {data}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(follow, "TRY_EVERY_S", 0.01)
    Everup.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Everup) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_broken_stream_is_taken_up_where_it_ended(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Stop, match="enough"):
        follow.follow(Place(url=url))
    first, second = capsys.readouterr().out.splitlines()
    assert "incident redis: it hung: does not answer; it hurts api" in first
    assert "frozen the stack by me: backup" in second
    assert Everup.asked == [None, "1", "2"]


def test_scripts_get_an_entry_a_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stop):
        follow.follow(Place(url=url, is_json=True))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["IncidentOpened", "FreezeSet"]


def test_nobody_there_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "TRY_EVERY_S", 0.01)
    with pytest.raises(Stop) as caught:
        follow.follow(Place(url="http://127.0.0.1:9"))
    assert caught.value.code == 3


def test_an_entry_of_a_newer_everup_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    said = follow.told({"type": "SomethingNew", "at_s": 1.0, "data": {}})
    assert said is not None
    assert said.endswith("SomethingNew")
