"""What accounting says of real containers, against what was done to them and the engine's word."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everup.runtimes.docker.accounting import Accounting, Roots, Target, Usage, usage_of_stats
from everup.runtimes.docker.accounting.hierarchy import Version
from everup.runtimes.docker.accounting.process import open_process
from everup.runtimes.docker.accounting.queues import sum_of_tables
from tests.docker_engine import BUSYBOX, PYTHON, Docker, api, call

pytestmark = pytest.mark.system

MIB = 1024 * 1024
SOURCE = Path(__file__).parents[2] / "src"
SLEEP = ("sleep", "600")
LISTENER = """
import socket, time
door = socket.create_server(("127.0.0.1", 8080), backlog=16)
guests = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(3)]
print("ready", flush=True)
time.sleep(600)
"""
INSIDE = """
import json, sys, types
sys.path.insert(0, "/src")
alone = types.ModuleType("everup.runtimes.docker")
alone.__path__ = ["/src/everup/runtimes/docker"]
sys.modules[alone.__name__] = alone  # the rest of the runtime needs libraries, this room none
from everup.runtimes.docker.accounting import Accounting, Target
accounting, target = Accounting(), Target(sys.argv[1], int(sys.argv[2]))
seen, reach = accounting.read([target]).get(target.id), accounting.reach([target])
print(json.dumps([seen and [seen.cpu_seconds, seen.process_state], reach.why_not, reach.fix]))
"""


@pytest.fixture
def accounting() -> Iterator[Accounting]:
    one = Accounting()
    yield one
    one.close()


def target(container: str) -> Target:
    """As the engine names it now."""
    return Target(container, int(call("inspect", "-f", "{{.State.Pid}}", container)))


def stats(one: Target) -> dict[str, Any]:
    """The engine's own statistics, once."""
    status, document = api("GET", f"/v1.41/containers/{one.id}/stats?stream=false&one-shot=true")
    assert status == 200, document
    found: dict[str, Any] = document
    return found


def until(look: Callable[[], Usage], holds: Callable[[Usage], bool], within_s: float = 20) -> Usage:
    end_s = time.monotonic() + within_s
    while not holds(seen := look()):
        assert time.monotonic() < end_s, f"not within {within_s:g} s: {seen}"
        time.sleep(0.2)
    return seen


def test_the_working_set_leaves_out_the_file_cache(docker: Docker, accounting: Accounting) -> None:
    fill = "dd if=/dev/zero of=/ram/x bs=1M count=10; dd if=/dev/zero of=/cached bs=1M count=30"
    script = f"{fill}; touch /ram/ready; exec sleep 600"
    options = ["--memory", "64m", "--tmpfs", "/ram"]
    one = target(docker.run(BUSYBOX, "sh", "-c", script, options=options))
    call("exec", one.id, "sh", "-c", "until [ -e /ram/ready ]; do sleep 0.1; done")
    seen = accounting.read([one])[one.id]
    document = stats(one)
    assert document["memory_stats"]["usage"] > 38 * MIB
    assert 9 * MIB < seen.memory_bytes < 25 * MIB
    assert seen.memory_limit_bytes == 64 * MIB
    said = usage_of_stats(document)
    assert abs(said.memory_bytes - seen.memory_bytes) < 4 * MIB
    assert said.memory_limit_bytes == seen.memory_limit_bytes
    assert said.pids == seen.pids == 1


def test_processor_time_grows_by_what_is_used(docker: Docker, accounting: Accounting) -> None:
    one = target(docker.run(BUSYBOX, *SLEEP))
    before = accounting.read([one])[one.id]
    assert math.isnan(before.memory_limit_bytes)
    call("exec", one.id, "sh", "-c", "timeout 1 sh -c 'while :; do :; done' || true")
    grown_s = accounting.read([one])[one.id].cpu_seconds - before.cpu_seconds
    assert 0.2 < grown_s < 2.0
    said_s = usage_of_stats(stats(one)).cpu_seconds
    assert said_s == pytest.approx(accounting.read([one])[one.id].cpu_seconds, abs=0.2)


def test_a_check_is_not_the_containers_own_work(docker: Docker, accounting: Accounting) -> None:
    spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    check = ["--health-cmd", spin, "--health-interval", "200ms"]
    idle = replace(target(docker.run(BUSYBOX, *SLEEP, options=check)), is_checked=True)
    until(lambda: accounting.read([idle])[idle.id], lambda seen: seen.cpu_seconds > 0.5)
    assert accounting.read([idle])[idle.id].own_cpu_seconds < 0.1
    works = ("sh", "-c", f"while true; do sh -c '{spin}'; done")
    busy = replace(target(docker.run(BUSYBOX, *works)), is_checked=True)
    until(lambda: accounting.read([busy])[busy.id], lambda seen: seen.own_cpu_seconds > 0.5)


def test_a_stopped_main_process_and_a_restart(docker: Docker, accounting: Accounting) -> None:
    one = target(docker.run(BUSYBOX, *SLEEP, options=["--stop-timeout", "1"]))
    call("kill", "--signal", "STOP", one.id)
    until(lambda: accounting.read([one])[one.id], lambda seen: seen.process_state == "T")
    call("kill", "--signal", "CONT", one.id)
    until(lambda: accounting.read([one])[one.id], lambda seen: seen.process_state == "S")
    call("restart", one.id)
    assert accounting.read([one]) == {}, "that life is over"
    again = target(one.id)
    assert again.pid != one.pid
    assert accounting.read([again])[one.id].process_state == "S"
    stranger = replace(one, id="0" * 64, pid=again.pid)
    assert accounting.read([stranger]) == {}, "the pid is another container's"


def test_connections_that_nobody_lets_in(docker: Docker, accounting: Accounting) -> None:
    one = target(docker.run(PYTHON, "python", "-u", "-c", LISTENER))
    until(lambda: accounting.read([one])[one.id], lambda seen: seen.accept_queue == 3)
    process = open_process("/proc", one.pid, one.id, keeps=False)
    assert process is not None
    assert sum_of_tables(process) == 3, "the tables say the same as the diagnostics"
    process.close()
    shared = ["--network", f"container:{one.id}"]
    guest = target(docker.run(BUSYBOX, *SLEEP, options=shared))
    host = target(docker.run(BUSYBOX, *SLEEP, options=["--network", "host"]))
    seen = accounting.read([one, guest, host])
    assert len(seen) == 3
    for usage in seen.values():
        assert math.isnan(usage.accept_queue), "it is not known whose connections they are"
        assert math.isnan(usage.rx_bytes)


def test_traffic_between_two_containers(docker: Docker, accounting: Accounting) -> None:
    inside = ["--network", docker.network("accounting", "--internal")]
    serve = "mkdir /w; dd if=/dev/zero of=/w/x bs=1k count=512; exec httpd -f -p 80 -h /w"
    server = target(docker.run(BUSYBOX, "sh", "-c", serve, options=inside))
    client = target(docker.run(BUSYBOX, *SLEEP, options=inside))
    address = call(
        "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", server.id
    )
    before = accounting.read([server, client])
    fetch = f"until wget -q -O /dev/null http://{address}/x; do sleep 0.2; done"
    call("exec", client.id, "timeout", "20", "sh", "-c", fetch)
    after = accounting.read([server, client])
    assert after[client.id].rx_bytes - before[client.id].rx_bytes > 512 * 1024
    assert after[server.id].tx_bytes - before[server.id].tx_bytes > 512 * 1024
    said = usage_of_stats(stats(client))
    assert said.rx_bytes == pytest.approx(after[client.id].rx_bytes, abs=64 * 1024)


def test_kills_for_memory_and_throttling_are_counted(
    docker: Docker, accounting: Accounting
) -> None:
    options = ["--memory", "16m", "--memory-swap", "16m", "--cpus", "0.2"]
    one = target(docker.run(BUSYBOX, *SLEEP, options=options))
    before = accounting.read([one])[one.id]
    assert before.oom_kills == 0
    call("exec", one.id, "sh", "-c", "tail /dev/zero || true")
    call("exec", one.id, "sh", "-c", "timeout 1 sh -c 'while :; do :; done' || true")
    after = accounting.read([one])[one.id]
    assert after.oom_kills == 1
    assert after.throttled_s > before.throttled_s
    assert after.waited_s >= before.waited_s


def test_the_tree_of_version_2_beside_version_1(docker: Docker) -> None:
    """Where a host has both, the other one's real files are read too, as far as they go."""
    one = target(docker.run(BUSYBOX, *SLEEP))
    first = Accounting()
    if first.reach([one]).version is Version.HYBRID:
        second = Accounting(roots=Roots(cgroup="/sys/fs/cgroup/unified"))
        assert second.reach([one]).version is Version.V2
        assert second.reach().is_host_visible
        seen = second.read([one])[one.id]
        known_s = first.read([one])[one.id].cpu_seconds
        assert seen.cpu_seconds == pytest.approx(known_s, abs=0.1)
        assert math.isnan(seen.memory_bytes), "no controller is bound there"
        second.close()
    first.close()


@pytest.mark.parametrize("mounts", [False, True])
def test_from_inside_a_container(docker: Docker, mounts: bool) -> None:
    one = target(docker.run(BUSYBOX, *SLEEP))
    options = ["--network", "none", "--user", "1000", "-v", f"{SOURCE}:/src:ro"]
    if mounts:
        options += ["--pid", "host", "-v", "/sys/fs/cgroup:/host/sys/fs/cgroup:ro"]
    look = ("python", "-B", "-c", INSIDE, one.id, str(one.pid))
    looker = docker.run(PYTHON, *look, options=options)
    assert call("wait", looker) == "0", call("logs", looker)
    seen, why_not, fix = json.loads(call("logs", looker))
    if mounts:
        assert seen[0] > 0
        assert seen[1] == "S"
        assert (why_not, fix) == ("", "")
    else:
        assert seen is None
        assert "shows no control groups" in why_not
        assert "/host/sys/fs/cgroup" in fix


def test_fifty_reads_of_one_container_cost_little(docker: Docker, accounting: Accounting) -> None:
    one = target(docker.run(BUSYBOX, *SLEEP))
    accounting.read([one])
    before_s = time.process_time()
    for _ in range(50):
        assert accounting.read([one])
    assert time.process_time() - before_s < 0.05, "measured: 7 ms; one core's percent is 10 ms"
