"""Disk, state folder and port: judged from values, and looked at without a trace."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from everup.app.doctor import here
from everup.app.doctor.bounded import guarded, in_thread
from everup.app.doctor.findings import Finding, State, ok
from everup.app.doctor.place import GIB, Disk, Folder, Port, judge_disk, judge_folder, judge_port
from everup.model.errors import TryAgain


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [
        (50.0, 100.0, "ok"),
        (5.0, 100.0, "ok"),
        (4.9, 100.0, "weak"),
        (1.0, 8.0, "ok"),
        (0.9, 2.0, "wrong"),
        (0.0, 0.0, "wrong"),
    ],
)
def test_a_disk(free: float, total: float, state: str) -> None:
    finding = judge_disk(Disk("/srv", int(free * GIB), int(total * GIB)), "it", "make room")
    assert finding.state == state
    assert finding.fix == ("" if state == "ok" else "make room")


@pytest.mark.parametrize(
    ("above", "is_folder", "is_writable", "state", "said"),
    [
        ("/srv/state", True, True, "ok", "can be written"),
        ("/srv", True, True, "ok", "made at the first start"),
        ("/srv", True, False, "wrong", "sudo install -d -o ann /srv/state"),
        ("/srv/state", False, True, "wrong", "--state-dir"),
    ],
)
def test_a_state_folder(
    above: str, is_folder: bool, is_writable: bool, state: str, said: str
) -> None:
    finding = judge_folder(Folder("/srv/state", above, is_folder, is_writable, "ann"))
    assert finding.state == state
    assert said in finding.text + finding.fix


@pytest.mark.parametrize(
    ("host", "port", "who", "state", "said"),
    [
        ("127.0.0.1", 8010, Port.FREE, "ok", "127.0.0.1:8010 is free"),
        ("127.0.0.1", 8010, Port.EVERUP, "ok", "an Everup"),
        ("127.0.0.1", 8010, Port.OTHER, "wrong", "--listen 127.0.0.1:8011"),
        ("::1", 8010, Port.OTHER, "wrong", "--listen [::1]:8011"),
        ("127.0.0.1", 65535, Port.OTHER, "wrong", "--listen 127.0.0.1:65534"),
        ("127.0.0.1", 80, Port.FORBIDDEN, "wrong", "--listen 127.0.0.1:8010"),
        ("192.0.2.1", 8010, Port.NO_ADDRESS, "wrong", "--listen 127.0.0.1:8010"),
    ],
)
def test_a_port(host: str, port: int, who: Port, state: str, said: str) -> None:
    finding = judge_port(host, port, who)
    assert finding.state == state
    assert said in finding.text + finding.fix


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    seen = here.see_folder(folder)
    assert (seen.above, seen.is_folder, seen.is_writable) == (str(tmp_path), True, True)
    assert here.see_disk(folder).total_bytes > 0
    assert list(tmp_path.iterdir()) == []


def test_a_socket_is_told_from_a_file_and_from_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert not here.see_socket(path).is_there
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        seen = here.see_socket(path)
    assert (seen.is_there, seen.is_socket, seen.may_use) == (True, True, True)
    (tmp_path / "f").touch()
    assert not here.see_socket(str(tmp_path / "f")).is_socket


@pytest.mark.parametrize(
    ("body", "who"),
    [({"last_look_age_s": 1.0}, Port.EVERUP), ({"ok": True}, Port.OTHER), (None, Port.OTHER)],
)
def test_who_has_a_port(body: dict[str, object] | None, who: Port) -> None:
    text = b"" if body is None else json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        if body is not None:
            writer.write(head.encode() + text)
        writer.close()

    async def look() -> tuple[Port, Port]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        async with server:
            taken = await here.see_port("127.0.0.1", port)
        return taken, await here.see_port("127.0.0.1", port)

    assert asyncio.run(look()) == (who, Port.FREE)


def test_a_check_that_fails_or_hangs_is_a_finding_like_others() -> None:
    async def well() -> Iterable[Finding]:
        return [ok("x", "fine")]

    async def fails(error: Exception) -> Iterable[Finding]:
        raise error

    async def hangs() -> Iterable[Finding]:
        await in_thread(lambda: time.sleep(5))
        return []

    async def all_of_them() -> list[Finding]:
        works = [well(), fails(TryAgain("no")), fails(KeyError("odd")), hangs()]
        return [one for work in works for one in await guarded("x", work, 0.1)]

    began_s = time.monotonic()
    found = asyncio.run(all_of_them())
    assert time.monotonic() - began_s < 3
    assert [one.state for one in found] == [State.OK, State.WEAK, State.WEAK, State.WEAK]
    assert all(one.fix for one in found[1:])
    assert "KeyError" in found[2].text
