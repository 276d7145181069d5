"""The short pass over memory agrees with the whole one, and knows when it would not."""

from __future__ import annotations

import subprocess
import sys

from everup.runtimes.processes import procfs
from everup.runtimes.processes.accounting import Accounting
from everup.runtimes.processes.identity import Identity

WAITER = (
    "import subprocess, sys\n"
    "sys.stdin.readline()\n"
    "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
    "print(child.pid, flush=True)\n"
    "sys.stdin.readline()\n"
    "child.kill()\n"
)


def test_a_new_process_of_an_instance_asks_for_a_whole_pass() -> None:
    accounting = Accounting()
    with subprocess.Popen(
        [sys.executable, "-c", WAITER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        stat = procfs.read_stat(process.pid)
        assert stat is not None
        mains = {("one", 0): Identity(procfs.boot_id(), process.pid, stat.start_ticks)}
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert accounting.weigh(mains) is None, "nobody is known yet"
            whole = accounting.read(mains)[("one", 0)]
            weights = accounting.weigh(mains)
            assert weights is not None
            assert abs(weights[("one", 0)] - whole.memory_bytes) < 2**23
            process.stdin.write("go\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            assert accounting.weigh(mains) is None, "it has a child that nobody has counted"
            assert {member.pid for member in accounting.read(mains)[("one", 0)].members} == {child}
            assert accounting.weigh(mains) is not None
        finally:
            process.stdin.write("end\n")
            process.stdin.close()
            process.wait(10)
