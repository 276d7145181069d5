"""The kernel's socket tables, and who talks to whom by them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from ipaddress import ip_address

from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.talking import connections
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.talking import between, talking
from everup.runtimes.socket_table import Row, rows_of

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  inode\n"
LISTENING, ESTABLISHED, TIME_WAIT = 0x0A, 0x01, 0x06


def row(local: str, port: int, remote: str, remote_port: int, state: int, inode: int = 0) -> Row:
    return Row(ip_address(local), port, ip_address(remote), remote_port, state, inode)


def test_a_row_is_read_as_the_kernel_writes_it() -> None:
    line = (
        b"   0: 0100007F:1F90 0202A8C0:01BB 01 00000000:00000000 00:00000000 00000000 "
        b"    0        0 4242 1 0000000000000000 20 4 30 10 -1\n"
    )
    six = (
        b"   1: 0000000000000000FFFF00000100007F:1538 00000000000000000000000001000000:0000 0A "
        b"00000000:00000000 00:00000000 00000000 0 0 7 1\n"
    )
    first, second = rows_of(HEAD + line + six + b"   2: 0100007F:cut")
    assert first == row("127.0.0.1", 8080, "192.168.2.2", 443, ESTABLISHED, 4242)
    assert (str(second.local), second.local_port, second.state) == ("127.0.0.1", 5432, LISTENING)
    assert str(second.remote) == "::1"


def container(name: str, address: str, mode: str = "shop_default") -> dict[str, object]:
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}-1",
        "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z", "Pid": 7},
        "Config": {"Labels": {"com.docker.compose.service": name}},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": {"shop": {"IPAddress": address}}},
    }


def test_containers_are_known_by_address_and_direction_by_who_listens() -> None:
    found = connections(
        [
            parse(container("db", "172.18.0.2")),
            parse(container("web", "172.18.0.3")),
            parse(container("mail", "", "host")),
        ],
        {
            "id-db": [
                row("0.0.0.0", 5432, "0.0.0.0", 0, LISTENING),
                row("172.18.0.2", 5432, "172.18.0.3", 40000, TIME_WAIT),
                row("172.18.0.2", 5432, "172.18.0.1", 40001, ESTABLISHED),
            ],
            "id-web": [
                row("0.0.0.0", 80, "0.0.0.0", 0, LISTENING),
                row("172.18.0.3", 40002, "172.18.0.2", 5432, ESTABLISHED),
            ],
        },
        5.0,
    )
    assert found.seen == {("web", "db"): 2}
    assert found.unseen == {"mail": "it has no network of its own"}


def test_processes_are_known_by_who_holds_the_socket() -> None:
    rows = [
        row("0.0.0.0", 5432, "0.0.0.0", 0, LISTENING, 1),
        row("127.0.0.1", 40000, "127.0.0.1", 5432, ESTABLISHED, 2),
        row("127.0.0.1", 5432, "127.0.0.1", 40000, ESTABLISHED, 3),
        row("127.0.0.1", 40001, "127.0.0.1", 5432, ESTABLISHED, 4),
        row("10.0.0.1", 40002, "10.0.0.9", 5432, ESTABLISHED, 5),
    ]
    assert between(rows, {1: "db", 2: "web", 3: "db", 5: "web"}) == {("web", "db"): 1}


CALLS = (
    "import socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c.recv(1)"
)


def test_a_real_connection_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with subprocess.Popen([sys.executable, "-S", "-c", CALLS, port]) as caller:
            accepted, _ = server.accept()
            with accepted:
                ids = {"db": [Identity("", os.getpid(), 0)], "web": [Identity("", caller.pid, 0)]}
                seen, hidden = talking(ids)
    assert seen == {("web", "db"): 1}
    assert hidden == {}
