"""Made up trees of control groups and processes, in the formats that the kernel documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from everup.runtimes.docker.accounting import Roots

ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
PID = 4321

V2_FILES = {
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
    "nr_periods 10\nnr_throttled 4\nthrottled_usec 300000\n",
    "memory.current": "50000000\n",
    "memory.stat": "anon 9000000\nfile 41000000\ninactive_anon 0\nactive_anon 9000000\n"
    "inactive_file 40000000\nactive_file 1000000\n",
    "memory.max": "max\n",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n",
    "io.stat": "8:0 rbytes=1000 wbytes=24 rios=1 wios=1 dbytes=7 dios=1\n"
    "253:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
    "pids.current": "7\n",
    "cgroup.procs": f"{PID}\n",
    "cgroup.events": "populated 1\nfrozen 0\n",
}
V1_FILES = {
    "cpuacct": {"cpuacct.usage": "2500000000\n"},
    "cpu": {"cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 300000000\n"},
    "memory": {
        "memory.usage_in_bytes": "50000000\n",
        "memory.stat": "cache 41000000\ninactive_file 1\nhierarchical_memory_limit 67108864\n"
        "hierarchical_memsw_limit 134217728\ntotal_cache 41000000\n"
        "total_inactive_file 40000000\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        "cgroup.procs": f"{PID}\n",
    },
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 5096\n8:0 Write 24\n8:0 Sync 5120\n"
        "8:0 Async 0\n8:0 Discard 0\n8:0 Total 5120\nTotal 5120\n"
    },
    "pids": {"pids.current": "7\n"},
}
NETWORK = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n"
    "    lo:  900000     10    0    0    0     0          0         0   900000     10    0    0\n"
    "  eth0:     200      2    0    0    0     0          0         0       40      1    0    0\n"
    "eth1:1000000000    2    0    0    0     0          0         0       60      1    0    0\n"
)
TABLE = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 00000000:1F90 00000000:0000 0A 00000000:0000000C 00:00000000 00000000     0        0 1\n"
    "   1: 0100007F:0050 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 2\n"
    "   2: 0100007F:0050 0100007F:C001 01 00000000:000000FF 00:00000000 00000000     0        0 3\n"
)


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def roots(base: Path) -> Roots:
    for name in ("proc", "cgroup"):
        (base / name).mkdir(exist_ok=True)
    return Roots(str(base / "proc"), str(base / "cgroup"))


def make_v2(base: Path, path: str, files: Mapping[str, str] = V2_FILES) -> Path:
    """A tree of version 2 with one group in it."""
    write(base / "cgroup", {"cgroup.controllers": "cpu io memory pids\n"})
    write(base / "cgroup" / path, files)
    return base / "cgroup" / path


def make_v1(base: Path, path: str) -> Path:
    """Trees of version 1, as systemd mounts them, with one group in each."""
    combined = base / "cgroup" / "cpu,cpuacct"
    combined.mkdir(parents=True, exist_ok=True)
    for controller, files in V1_FILES.items():
        tree = combined if controller in ("cpu", "cpuacct") else base / "cgroup" / controller
        write(tree / path, files)
    return base / "cgroup"


def make_process(base: Path, path: str, pid: int = PID, letter: str = "S") -> Path:
    """A process whose control group has this path."""
    folder = base / "proc" / str(pid)
    write(
        folder,
        {
            "cgroup": f"0::{path}\n",
            "stat": f"{pid} (a ) b) {letter} 1 1 1 0 -1 4194560 963 0 2 0 2 1 0 0 20 0 1 0 12\n",
            "schedstat": "33020617 2000000000 143\n",
            "io": "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 8192\nwrite_bytes: 4096\n"
            "cancelled_write_bytes: 1\n",
            "net/dev": NETWORK,
            "net/tcp": TABLE,
            "net/tcp6": TABLE,
        },
    )
    return folder
