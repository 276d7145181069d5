"""Where looking at waiting connections is dear, few are looked at, and the right ones."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.runtimes.docker.accounting import diagnostics
from everup.runtimes.docker.accounting.process import MainProcess, open_process
from everup.runtimes.docker.accounting.queues import Queues, waiting_of
from tests.unit.runtimes import docker_trees as trees

NAMES = ("a", "b", "c")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, MainProcess]]:
    opened = {}
    for number, name in enumerate(NAMES):
        folder = trees.make_process(tmp_path, f"/docker/{trees.ID}", pid=5000 + number)
        (folder / "net/tcp").write_text(trees.TABLE.splitlines()[0] + "\n")
        (folder / "net/tcp6").write_text("")
        process = open_process(str(tmp_path / "proc"), 5000 + number, trees.ID, keeps=False)
        assert process is not None
        opened[name] = process
    yield opened
    for process in opened.values():
        process.close()


class Spent:
    """Every table costs so much."""

    def __init__(self, each_s: float) -> None:
        self.each_s = each_s
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += self.each_s
        return self.now_s


def known(values: dict[str, float]) -> set[str]:
    return {key for key, value in values.items() if not math.isnan(value)}


def test_one_in_turn_while_nothing_is_wrong(processes: dict[str, MainProcess]) -> None:
    queues = Queues()
    seen = [known(queues.read(processes, ())) for _ in range(6)]
    assert [len(names) for names in seen] == [1] * 6
    assert set.union(*seen[:3]) == set.union(*seen[3:]) == set(NAMES)


def test_suspects_and_whoever_is_waited_for_come_first(
    processes: dict[str, MainProcess], tmp_path: Path
) -> None:
    queues = Queues()
    assert known(queues.read(processes, (), {"c", "b"})) == {"b", "c"}
    (tmp_path / "proc/5000/net/tcp").write_text(trees.TABLE)
    assert queues.read(processes, ())["a"] == 15
    for _ in range(3):
        assert queues.read(processes, ())["a"] == 15, "it is looked at as long as somebody waits"
    assert queues.read(processes, (), {"c"}).keys() == set(NAMES)


def test_the_budget_ends_a_pass_and_the_next_goes_on(processes: dict[str, MainProcess]) -> None:
    queues = Queues(Spent(1.0))
    seen = [known(queues.read(processes, (), NAMES)) for _ in range(3)]
    assert seen == [{"a"}, {"b"}, {"c"}]
    assert known(Queues(Spent(0.0)).read(processes, (), NAMES)) == set(NAMES)


def test_only_listening_rows_count() -> None:
    assert waiting_of(trees.TABLE.encode()) == 15
    assert waiting_of(b"") == 0
    assert waiting_of(b"head\nbroken row\n") == 0


def test_answers_of_the_kernel() -> None:
    def message(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body

    socket_row = b"\0" * 56 + struct.pack("=I", 4) + b"\0" * 12
    assert diagnostics.parse(message(20, socket_row) * 2) == (8, False)
    assert diagnostics.parse(message(20, socket_row) + message(3, b"\0" * 4)) == (4, True)
    assert diagnostics.parse(b"") == (0, False)
    with pytest.raises(OSError, match="no socket diagnostics"):
        diagnostics.parse(message(2, b"\0" * 4))
    with pytest.raises(OSError, match="no socket diagnostics"):
        diagnostics.parse(struct.pack("=IHHII", 0, 20, 0, 1, 0))


def row(
    state: int, port: int, waiting: int, most: int, kind: int = 20, source: bytes = bytes(4)
) -> bytes:
    """As `inet_diag_msg`: family, state, two bytes, ports, addresses, timers, the two queues."""
    body = struct.pack("=BBBB", 2, state, 0, 0) + struct.pack("!HH", port, 9)
    body += source + bytes(40) + struct.pack("=I", 0) + struct.pack("=II", waiting, most) + bytes(8)
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


DONE = struct.pack("=IHHII", 16, 3, 2, 1, 0)


class Channel:
    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked = b""

    def send(self, request: bytes) -> int:
        self.asked = request
        return len(request)

    def recv(self, most: int) -> bytes:
        return self.answers.pop(0)


def test_the_engines_own_door_is_none_of_the_service() -> None:
    own = row(10, 41000, 0, 4096, source=bytes((127, 0, 0, 11)))
    channel = Channel(own + row(10, 80, 2, 16) + DONE)
    assert diagnostics.survey(channel) == (16.0, 0.0)  # type: ignore[arg-type]


def test_a_wider_look_counts_who_is_in_and_how_many_may_wait() -> None:
    inside = [row(1, 80, 0, 0), row(1, 80, 0, 0), row(1, 41000, 0, 0)]
    channel = Channel(row(10, 80, 2, 128) + inside[0], b"".join(inside[1:]) + DONE)
    found = diagnostics.survey(channel)  # type: ignore[arg-type]
    assert found == (128.0, 2.0), "what it opened itself is not counted"
    with pytest.raises(OSError, match="no socket diagnostics"):
        diagnostics.survey(Channel(row(1, 80, 0, 0, kind=2)))  # type: ignore[arg-type]
