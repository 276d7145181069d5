"""Commands over a socket, and notes in a file: bounded, whole, and never more than one command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from everup.model.errors import GiveUp, TryAgain
from everup.model.routing import Held, Order, RoutedServer, RouterSpec, ServerName
from everup.routing import create_router, noted_router
from everup.routing import notes as noting
from everup.routing.haproxy import talk
from everup.routing.notes import Notes
from tests.contract.router_labs import Hour

SPEC = RouterSpec("haproxy", "tcp://127.0.0.1:1")
WEB1 = ServerName("web", "web1")
HELD = Held(WEB1, "web", "web-1", 5.0, Order.OUT, life="7.")
Talker = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ask(tmp_path: Path, talker: Talker, command: str = "show info", timeout_s: float = 0.3) -> str:
    async def story() -> str:
        path = tmp_path / "s"
        server = await asyncio.start_unix_server(talker, path)
        try:
            return await talk.ask(f"unix://{path}", command, timeout_s)
        finally:
            server.close()
            await asyncio.sleep(0.05)  # so that the other side sees it too

    return asyncio.run(story())


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"heard " + await reader.readline())
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side leaves
    writer.close()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
    except OSError:
        writer.close()


def test_a_command_and_its_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, _echo) == "heard show info"


def test_silence_ends(tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match=r"no answer in 0\.3 s"):
        ask(tmp_path, _silent)


def test_an_endless_answer_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "ANSWER_BYTES_MOST", 1 << 20)
    with pytest.raises(GiveUp, match="more than 1 MiB"):
        ask(tmp_path, _endless, timeout_s=5.0)


@pytest.mark.parametrize("command", ["a;b", "a\nb", "a\rb", "a" * 2000, "a\0b"])
def test_two_commands_are_none(tmp_path: Path, command: str) -> None:
    with pytest.raises(GiveUp, match="more than one command"):
        ask(tmp_path, _echo, command)


def test_nobody_is_there() -> None:
    with pytest.raises(TryAgain, match="cannot be reached"):
        asyncio.run(talk.ask("unix:///nowhere/at/all", "show info", 1.0))


def test_notes_are_there_in_the_next_life(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "router.json")
    notes.hold(SPEC, HELD)
    notes.note_added(SPEC, ServerName("web", "everup-web-4"))
    again = Notes(tmp_path / "router.json")
    assert again.held() == (HELD,)
    assert again.was_added(ServerName("web", "everup-web-4"))
    assert again.router == SPEC
    assert (tmp_path / "router.json").stat().st_mode & 0o777 == 0o600
    again.drop(WEB1)
    assert Notes(tmp_path / "router.json").held() == ()


@pytest.mark.parametrize("text", ["", "[]", '{"held": [{}]}', "\0", '{"held": 3}'])
def test_a_broken_file_is_kept_for_a_person(tmp_path: Path, text: str) -> None:
    (tmp_path / "router.json").write_text(text)
    assert Notes(tmp_path / "router.json").held() == ()
    assert (tmp_path / "router.bad").exists()


def test_what_cannot_be_noted_is_not_held(tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match="cannot be written"):
        Notes(tmp_path / "gone" / "router.json").hold(SPEC, HELD)


def test_a_router_is_known_by_its_notes_alone(tmp_path: Path) -> None:
    assert noted_router(tmp_path, Hour()) is None
    Notes(tmp_path / "router.json").hold(SPEC, HELD)
    assert noted_router(tmp_path, Hour()) is not None


def test_unknown_kinds_are_named(tmp_path: Path) -> None:
    with pytest.raises(GiveUp, match="there are haproxy"):
        create_router(RouterSpec("nginx", "unix:///x"), tmp_path, Hour())


def test_notes_hold_no_more_than_json(tmp_path: Path) -> None:
    Notes(tmp_path / "router.json").hold(SPEC, HELD)
    content = json.loads((tmp_path / "router.json").read_text())
    assert content["held"][0]["weight_before"] is None, "NaN is no JSON"


def test_what_was_added_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "ADDED_MOST", 1)
    notes = Notes(tmp_path / "router.json")
    notes.note_added(SPEC, WEB1)
    notes.note_added(SPEC, WEB1)
    with pytest.raises(GiveUp, match="1 servers were added"):
        notes.note_added(SPEC, ServerName("web", "web2"))


def test_nothing_is_added_where_tls_is_spoken(tmp_path: Path) -> None:
    router = create_router(SPEC, tmp_path, Hour())
    like = RoutedServer(WEB1, is_encrypted=True)
    with pytest.raises(GiveUp, match="TLS is spoken to web/web1"):
        asyncio.run(router.add(like, "everup-web-4", "10.0.0.4", 80))
    assert not (tmp_path / "router.json").exists()
