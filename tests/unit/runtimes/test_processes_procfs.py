"""What the kernel writes is read right, whatever a program calls itself."""

from __future__ import annotations

import os
import socket
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.runtimes.processes import listening, procfs

COUNT = st.integers(0, 2**40)


@given(
    name=st.text(st.characters(codec="ascii", exclude_characters="\n\0"), max_size=15),
    pid=st.integers(1, 2**22),
    parent=st.integers(0, 2**22),
    session=st.integers(0, 2**22),
    cpu=st.tuples(COUNT, COUNT, COUNT, COUNT),
    start=COUNT,
    state=st.sampled_from("RSDTZXI"),
)
def test_stat_is_parsed_under_any_name(
    name: str,
    pid: int,
    parent: int,
    session: int,
    cpu: tuple[int, int, int, int],
    start: int,
    state: str,
) -> None:
    between = "0 -1 4194304 1 2 3 4"
    used = " ".join(map(str, cpu))
    line = f"{pid} ({name}) {state} {parent} 9 {session} {between} {used} 20 0 1 0 {start} 5 6 7\n"
    stat = procfs.parse_stat(line.encode())
    assert stat == procfs.Stat(pid, state, parent, session, sum(cpu), start)


def test_own_facts_are_those_that_python_knows() -> None:
    stat = procfs.read_stat(os.getpid())
    assert stat is not None
    assert (stat.pid, stat.parent, stat.session) == (os.getpid(), os.getppid(), os.getsid(0))
    memory = procfs.read_memory(os.getpid())
    assert memory is not None
    assert memory.resident_bytes > memory.shared_bytes > 0
    assert procfs.read_io_bytes(os.getpid()) is not None
    assert (procfs.read_waited_s(os.getpid()) or -1.0) > 0.0
    started_s = procfs.started_at_s(stat.start_ticks, 1000.0)
    assert 0 <= 1000.0 - started_s < procfs.boot_ticks() / procfs.TICKS_PER_S


def test_who_is_not_there_says_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert procfs.read_stat(gone.pid) is None
    assert procfs.read_memory(gone.pid) is None
    assert procfs.read_io_bytes(gone.pid) is None
    assert procfs.read_waited_s(gone.pid) is None
    assert procfs.read_variable(gone.pid, "PATH") is None
    assert not procfs.writes_to(gone.pid, "/dev/null")


def test_a_variable_is_read_by_its_whole_name() -> None:
    environ = {"XMARK": "other", "MARK": "a/b=c", "MARKED": "no"}
    command = ["sh", "-c", "echo ready; read never"]
    process = subprocess.Popen(
        command,
        env={**environ, "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        assert procfs.read_variable(process.pid, "MARK") == "a/b=c"
        assert procfs.read_variable(process.pid, "ARK") is None
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


ROW = "{n:4d}: 0100007F:{port:04X} 00000000:0000 {state} 00000000:{queue:08X} 00:00000000 0 0 0 1\n"


def test_the_table_is_read_up_to_the_first_that_does_not_listen() -> None:
    rows = [
        ROW.format(n=0, port=8010, state="0A", queue=3),
        ROW.format(n=1, port=5432, state="0A", queue=0),
        ROW.format(n=2, port=9999, state="01", queue=7),
        ROW.format(n=3, port=8888, state="0A", queue=7),
    ]
    content = ("  sl  local_address rem_address st tx_queue rx_queue\n" + "".join(rows)).encode()
    assert list(listening.parse_table(content)) == [(8010, 3), (5432, 0)]
    assert list(listening.parse_table(b"")) == []


@given(st.binary(max_size=200))
def test_no_answer_of_the_kernel_is_read_for_ever(data: bytes) -> None:
    for _, body in listening.messages(data):
        assert len(body) <= len(data)


def test_messages_are_split_at_their_padded_length() -> None:
    def message(kind: int, body: bytes) -> bytes:
        packed = struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body
        return packed + b"\0" * (-len(packed) % 4)

    data = message(20, b"first") + message(3, b"")
    assert list(listening.messages(data)) == [(20, b"first"), (3, b"")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_waiting_connections_are_counted_by_port(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as door:
        try:
            door.bind((host, 0))
        except OSError:
            assert family is socket.AF_INET6, "a host without loopback is none"
            return
        door.listen(8)
        port = door.getsockname()[1]
        assert listening.accept_queues()[port] == 0
        with socket.socket(family) as client:
            client.connect((host, port))
            assert listening.accept_queues()[port] == 1


def test_how_many_may_wait_and_how_many_are_in() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(8)
        port = door.getsockname()[1]
        assert listening.listeners()[port] == (0, 8)
        with socket.create_connection(("127.0.0.1", port)):
            found = listening.established({port})
            assert found is not None
            assert found.get(port, 0) <= 1, "one that waits is nobody's connection yet"
            inside, _ = door.accept()
            with inside:
                assert listening.established({port}) == {port: 1}
                assert listening.established(()) == {}


def test_nobody_counts_connections_without_diagnostics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_SOCK_DIAG", 10**6)
    assert listening.established({80}) is None


def test_both_ways_of_counting_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(8)
        port = door.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            by_diagnostics = listening.accept_queues()[port]
            monkeypatch.setattr(listening, "_SOCK_DIAG", 10**6)
            assert listening.accept_queues()[port] == by_diagnostics == 1
