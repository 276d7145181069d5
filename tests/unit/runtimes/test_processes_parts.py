"""Small parts of the processes runtime, each by itself: output, events, orders, ownership."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.errors import GiveUp
from everup.model.runtime import EventKind, RuntimeEvent
from everup.runtimes import broadcast
from everup.runtimes.processes import accounting, inherited, output, procfs
from everup.runtimes.processes.account import account_for
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.orders import environment, order

BOOT = procfs.boot_id()


def append(log: Path, text: str) -> None:
    handle = output.open_for_append(log)
    os.write(handle, text.encode())
    os.close(handle)


@given(
    written=st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N", "P"])), max_size=30
    ),
    wanted=st.integers(-5, 40),
)
def test_a_tail_is_the_last_lines(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], wanted: int
) -> None:
    log = tmp_path_factory.mktemp("output") / "a.log"
    append(log, "".join(f"{line}\n" for line in written))
    assert list(output.tail(log, wanted)) == (written[-wanted:] if wanted > 0 else [])


def test_a_tail_goes_on_in_the_file_before(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(output.before(log), "one\ntwo\n")
    append(log, "three\r\nfour")
    assert list(output.tail(log, 3)) == ["two", "three", "four"]
    assert list(output.tail(tmp_path / "none.log", 3)) == []


def test_a_tail_is_bounded_in_bytes_and_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, "".join(f"{n:07d}\n" for n in range(100_000)))
    said = output.tail(log, 10**9)
    assert len(said) == output.LINES_MOST
    assert said[-1] == "0099999"
    append(log, "x" * 2 * output.TAIL_BYTES_MOST)
    assert sum(map(len, output.tail(log, 10))) <= output.TAIL_BYTES_MOST


def test_a_large_file_is_put_aside_or_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOG_BYTES_MOST", 100)
    monkeypatch.setattr(output, "KEPT_BYTES", 18)
    log = tmp_path / "a.log"
    append(log, "a" * 90 + "\n")
    assert not output.cut_when_large(log)
    append(log, "first\nsecond\nthird\n")
    assert output.cut_when_large(log)
    assert log.read_text() == ""
    assert output.before(log).read_text() == "second\nthird\n"
    append(log, "b" * 200)
    append(log, "fresh\n")
    assert log.read_text() == "fresh\n"
    assert output.before(log).read_text() == "b" * 200
    assert not output.cut_when_large(tmp_path / "none.log")


def test_a_slow_watcher_loses_the_oldest_and_the_loss_is_counted() -> None:
    async def story() -> None:
        source = broadcast.Broadcast()
        watcher = source.watch()
        for n in range(broadcast.EVENTS_MOST + 5):
            source.tell(RuntimeEvent(EventKind.DIED, float(n)))
        assert watcher.shed == 5
        assert (await anext(watcher)).at_s == 5.0
        source.close()
        rest = [event async for event in watcher]
        assert len(rest) < broadcast.EVENTS_MOST
        assert [event async for event in watcher] == [], "the end stays the end"
        assert [event async for event in source.watch()] == []

    asyncio.run(story())


def test_a_watcher_that_nobody_holds_is_forgotten() -> None:
    async def story() -> None:
        source = broadcast.Broadcast()
        source.watch()
        assert len(source._watchers) == 0

    asyncio.run(story())


def test_an_instances_environment() -> None:
    inherited_env = {"PATH": "/bin", "PORT": "1", "EVERUP_TOKEN": "secret", "HOME": "/h"}
    declared = Configuration(("run",), env={"HOME": "/x", "EVERUP_MARK": "forged"}, port=4000)
    assert environment("api", 2, declared, inherited_env, None) == {
        "PATH": "/bin",
        "HOME": "/x",
        "PORT": "4002",
        "EVERUP_SERVICE": "api",
        "EVERUP_INSTANCE": "api-2",
    }
    portless = environment("api", 0, Configuration(("run",)), inherited_env, None)
    assert "PORT" not in portless, "Everup's own port is not the service's"


def test_a_program_is_found_as_its_owner_would(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "run"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = {"PATH": str(program.parent)}
    by_path = Configuration(("run", "x"), env=path)
    relative = Configuration(("bin/run",), directory=str(tmp_path))
    for configuration in (by_path, relative, Configuration((str(program),))):
        found = order("api", 0, configuration, {})
        assert found.program == str(program)
        assert found.arguments == configuration.command
    with pytest.raises(GiveUp, match=r"service api: command: .*PATH"):
        order("api", 0, Configuration(("run",)), {"PATH": "/nowhere"})


def test_accounts_are_names_or_numbers() -> None:
    assert account_for(None) is None
    own = account_for(f"{os.geteuid()}:{os.getegid()}")
    if os.geteuid() == 0:
        assert own is not None
        assert (own.user_id, own.group_id) == (0, 0)
        assert own.env["HOME"]
    else:
        assert own is None
    for wrong in ("no-such-user", "999999999999999999999", "no such:root"):
        with pytest.raises(GiveUp, match="user"):
            account_for(wrong)


def test_what_everup_began_with_is_what_it_has() -> None:
    before = dict(inherited.AT_START.limits)
    with inherited.limits_as_at_start():
        assert dict(inherited.AT_START.limits) == before
    assert 0 <= inherited.AT_START.umask <= 0o777


def stat(pid: int, parent: int, session: int, start: int = 10) -> procfs.Stat:
    return procfs.Stat(pid, "S", parent, session, 0, start)


def owners(
    stats: list[procfs.Stat],
    mains: dict[tuple[str, int], Identity],
    before: dict[int, tuple[tuple[str, int], int]] | None = None,
) -> dict[int, tuple[str, int]]:
    found = accounting._owners({s.pid: s for s in stats}, mains, before or {})
    return {pid: key for pid, (key, _) in found.items()}


A, B = ("a", 0), ("b", 0)


def test_a_process_belongs_by_session_or_descent() -> None:
    stats = [
        stat(1, 0, 1),
        stat(100, 1, 100),  # a
        stat(101, 100, 100),
        stat(102, 1, 100),  # lost its parent, still in the session
        stat(103, 101, 103),  # a session of its own
        stat(104, 103, 103),
        stat(200, 1, 200),  # b
        stat(300, 1, 300),  # nobody's
        stat(301, 300, 300),
    ]
    mains = {A: Identity(BOOT, 100, 10), B: Identity(BOOT, 200, 10)}
    assert owners(stats, mains) == {100: A, 101: A, 102: A, 103: A, 104: A, 200: B}


def test_who_belonged_once_belongs_until_it_ends() -> None:
    mains = {A: Identity(BOOT, 100, 10)}
    daemon = stat(103, 1, 103, start=20)
    stats = [stat(100, 1, 100), daemon, stat(105, 103, 105)]
    assert owners(stats, mains, {103: (A, 20)}) == {100: A, 103: A, 105: A}
    assert owners(stats, mains, {103: (A, 19)}) == {100: A}, "the number is another's by now"
    assert owners(stats, mains, {103: (B, 20)}) == {100: A}, "of an instance that is no more"


def test_a_main_process_whose_number_was_reused_owns_nothing() -> None:
    stats = [stat(100, 1, 100, start=99), stat(101, 100, 100, start=99)]
    assert owners(stats, {A: Identity(BOOT, 100, 10)}) == {}
