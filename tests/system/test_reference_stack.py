"""The twelve services for real: started in dependency order from the generated file, used, hurt,
healed, stopped by process id. Nothing of Everup runs here: this tests the patient alone."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from everup.config import load_stack
from everup.demo.stack import control
from everup.demo.stack.prepare import remove_stack, write_stack
from everup.demo.stack.topology import PORTS_PER_SERVICE
from everup.model.stack import ProbeSpec
from tests.system.database_servers import psql_at
from tests.system.test_database_probes import PASS, ask

pytestmark = [
    pytest.mark.usefixtures("real_servers"),
    pytest.mark.timeout(120),
    pytest.mark.system,
]

READY_MAX_S = 30.0


class Stack:
    """The processes of one ``everup.yaml``, and nothing else."""

    def __init__(self, path: Path) -> None:
        self.directory = path.parent
        self.services: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, instance: int = 0) -> None:
        service = self.services[name]
        port = service["port"] + instance
        user = service.get("user")
        with (self.directory / f"{name}-{instance}.log").open("ab") as log:
            self.processes[f"{name}/{instance}"] = subprocess.Popen(
                service["command"],
                cwd=service["directory"],
                env={
                    **os.environ,
                    **service.get("env", {}),
                    "PORT": str(port),
                    "EVERUP_SERVICE": name,
                    "EVERUP_INSTANCE": str(instance),
                },
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_well(self, name: str, instance: int = 0) -> bool:
        """What the declared probe says."""
        service = self.services[name]
        port = service["port"] + instance
        probe = service["probe"]
        try:
            if "http" not in probe:
                spec = ProbeSpec(postgres=probe.get("postgres"), redis=probe.get("redis"))
                return ask(spec, timeout_s=2).verdict is PASS
            address = probe["http"].format(port=port)
            return control.ask(port, address.partition(str(port))[2], timeout_s=2)[0] == 200
        except OSError:
            return False

    def pid(self, name: str, instance: int = 0) -> int:
        return self.processes[f"{name}/{instance}"].pid

    def port(self, name: str) -> int:
        return int(self.services[name]["port"])

    def failing(self, name: str) -> list[str]:
        """Whom the service itself says that it is missing."""
        status, answer = control.ask(self.port(name), "/health", timeout_s=2)
        return [] if status == 200 else list(answer["failing"])

    def stop(self, key: str, *, within_s: float = 10.0) -> int:
        process = self.processes.pop(key)
        name = key.partition("/")[0]
        process.send_signal(signal.Signals[self.services[name]["stop"]["signal"]])
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
            raise

    def stop_all(self) -> dict[str, int]:
        """In the reverse order of the start; everything that is left is killed."""
        codes = {}
        for key in reversed(list(self.processes)):
            process = self.processes[key]
            process.send_signal(signal.SIGCONT)
            try:
                codes[key] = self.stop(key)
            except subprocess.TimeoutExpired:
                codes[key] = -9
        return codes


def until(condition: Callable[[], bool], within_s: float, what: str) -> float:
    """Waits for a condition; returns how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if condition():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All twelve, each started when what it needs is well."""
    stack = Stack(write_stack(tmp_path_factory.mktemp("a stack")))
    try:
        ends = time.monotonic() + READY_MAX_S
        for name in stack.services:
            stack.start(name)
            until(lambda: stack.is_well(name), ends - time.monotonic(), f"{name} is well")  # noqa: B023
        yield stack
    finally:
        codes = stack.stop_all()
        remove_stack(stack.directory)
    assert set(codes.values()) == {0}, codes


@pytest.fixture(autouse=True)
def all_well(stack: Stack) -> Iterator[None]:
    """Each test leaves the stack as healthy as it found it."""
    yield
    until(lambda: all(map(stack.is_well, stack.services)), 10, "all services are well again")


def test_twelve_services_are_healthy_at_once(stack: Stack) -> None:
    assert [name for name in stack.services if not stack.is_well(name)] == []
    assert len(stack.services) == 12


def test_the_file_is_accepted_without_a_warning(stack: Stack) -> None:
    loaded = load_stack(stack.directory, {})
    assert (loaded.warnings, loaded.unused) == ((), ())
    assert list(loaded.stack.services) == list(stack.services)


def test_every_service_can_do_its_work(stack: Stack) -> None:
    for name in stack.services.keys() - {"postgres", "redis"}:
        status, answer = control.ask(stack.port(name), "/work")
        assert status == 200, (name, answer)
        _, stats = control.ask(stack.port(name), "/stats")
        assert stats["degraded"] == 0, (name, stats)
        assert stats["errors"] == 0, (name, stats)


def test_a_job_goes_from_webui_to_postgres(stack: Stack) -> None:
    status, job = control.tell(stack.port("webui"), "/jobs", {"text": "count the stars"})
    assert (status, job["state"]) == (200, "queued")
    until(lambda: _job(stack, job["id"])["state"] == "done", 10, "the job is done")
    row = _ask_postgres(stack, f"SELECT text, worker FROM jobs WHERE id = {job['id']}")
    assert row == "count the stars|worker/0"
    assert "count the stars" in _job(stack, job["id"])["result"]


def test_a_workflow_passes_through_all_thinking_services(stack: Stack) -> None:
    status, answer = control.tell(stack.port("api"), "/workflows", {"goal": "tidy up"})
    assert status == 200
    assert answer["thought"]
    assert answer["lesson"]
    assert answer["resembles"] is not None
    until(lambda: _job(stack, answer["id"])["state"] == "done", 10, "its job is done")


@pytest.mark.parametrize("hung", ["redis", "postgres", "qdrant"])
def test_a_hung_store_hurts_those_who_need_it(stack: Stack, hung: str) -> None:
    os.kill(stack.pid(hung), signal.SIGSTOP)
    try:
        until(lambda: not stack.is_well(hung), 5, f"the probe of {hung} fails")
        until(lambda: hung in stack.failing("api"), 3, "api says so")
        until(lambda: hung in stack.failing("hybrid-memory-service"), 3, "memory says so")
        until(lambda: stack.failing("webui") == ["api"], 3, "webui names api")
        until(lambda: not stack.is_well("coordination-service"), 3, "two hops away too")
        assert stack.is_well("ollama")
        assert stack.is_well("perception-service")
    finally:
        os.kill(stack.pid(hung), signal.SIGCONT)
    until(lambda: stack.is_well("webui"), 5, "webui recovers by itself")


def test_a_soft_dependency_only_degrades(stack: Stack) -> None:
    control.turn(stack.port("ollama"), fail=True)
    until(lambda: stack.failing("reasoning-service") == ["ollama"], 3, "reasoning needs ollama")
    assert stack.is_well("api")
    assert control.ask(stack.port("api"), "/ask?q=degraded")[1]["answer"].endswith("memories")
    control.turn(stack.port("ollama"), fail=False)


def test_killed_stores_keep_what_they_acknowledged(stack: Stack) -> None:
    control.tell(stack.port("worker"), "/knobs", {"work_ms": 1500})
    _, job = control.tell(stack.port("api"), "/jobs", {"text": "survive"})
    for name in ("postgres", "redis", "qdrant"):
        process = stack.processes[f"{name}/0"]
        process.kill()
        process.wait(5)
        stack.start(name)
    until(lambda: all(map(stack.is_well, stack.services)), 15, "everybody is back")
    until(lambda: _job(stack, job["id"])["state"] == "done", 10, "the job is done after all")
    control.turn(stack.port("worker"), work_ms=0)


def test_a_killed_worker_finishes_its_job_when_it_is_back(stack: Stack) -> None:
    control.turn(stack.port("worker"), work_ms=60_000)
    _, job = control.tell(stack.port("api"), "/jobs", {"text": "again"})
    time.sleep(0.2)
    stack.processes["worker/0"].kill()
    stack.processes["worker/0"].wait(5)
    assert _job(stack, job["id"])["state"] != "done"
    stack.start("worker")
    until(lambda: _job(stack, job["id"])["state"] == "done", 10, "the job is done")


def test_a_second_instance_takes_its_share_and_covers_for_the_first(stack: Stack) -> None:
    stack.start("api", 1)
    until(lambda: stack.is_well("api", 1), 10, "the second instance is well")
    second = stack.port("api") + 1
    time.sleep(1.1)
    for _ in range(10):
        assert control.ask(stack.port("webui"), "/work")[0] == 200
    assert control.ask(second, "/stats")[1]["work_done"] >= 3
    os.kill(stack.pid("api"), signal.SIGSTOP)
    try:
        assert stack.is_well("webui")
        statuses = [control.ask(stack.port("webui"), "/work")[0] for _ in range(5)]
        assert statuses == [200] * 5
    finally:
        os.kill(stack.pid("api"), signal.SIGCONT)
        assert stack.stop("api/1") == 0


def test_a_hang_is_deaf_to_sigterm_and_ends_with_sigkill(stack: Stack) -> None:
    control.turn(stack.port("perception-service"), hang=True)
    until(lambda: not stack.is_well("perception-service"), 3, "it hangs")
    process = stack.processes["perception-service/0"]
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.kill()
    assert process.wait(5) == -signal.SIGKILL
    stack.start("perception-service")


def test_a_process_can_stop_itself(stack: Stack) -> None:
    control.turn(stack.port("learning-service"), hang="stop")
    stat = Path(f"/proc/{stack.pid('learning-service')}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", 3, "it is stopped")
    assert not stack.is_well("learning-service")
    os.kill(stack.pid("learning-service"), signal.SIGCONT)


def test_a_crash_loop_survives_restarts(stack: Stack) -> None:
    control.keep_broken(stack.directory, "worker", exit_on_start=3, after_s=0.1)
    assert stack.stop("worker/0") == 0
    try:
        for _ in range(2):
            stack.start("worker")
            assert stack.processes["worker/0"].wait(5) == 3
    finally:
        control.mend(stack.directory, "worker")
    stack.start("worker")


def test_memory_of_a_cache_comes_back_and_of_a_leak_does_not(stack: Stack) -> None:
    port = stack.port("worker")

    def resident_mib() -> float:
        return float(control.ask(port, "/stats")[1]["rss_bytes"]) / (1 << 20)

    before = resident_mib()
    control.turn(port, cache_mb_per_s=200)
    until(lambda: resident_mib() > before + 60, 5, "the cache grows")
    control.turn(port, cache_mb_per_s=0)
    assert control.tell(port, "/cache/clear")[1]["freed_mib"] >= 60
    assert resident_mib() < before + 20
    control.turn(port, leak_mb_per_s=200)
    until(lambda: resident_mib() > before + 60, 5, "the leak grows")
    control.turn(port, leak_mb_per_s=0)
    control.tell(port, "/cache/clear")
    assert resident_mib() > before + 60
    assert stack.stop("worker/0", within_s=1.5) == 0
    stack.start("worker")


@pytest.mark.parametrize("name", ["api", "worker"])
def test_stale_connections_need_the_reconnect_hook(stack: Stack, name: str) -> None:
    port = stack.port(name)
    control.turn(port, stale=True)
    assert stack.stop("redis/0") == 0
    stack.start("redis")
    until(lambda: stack.is_well("redis"), 5, "redis is back")
    time.sleep(0.3)
    assert stack.failing(name) == ["redis"]
    assert control.tell(port, "/reconnect")[0] == 200
    until(lambda: stack.is_well(name), 2, "it is well")
    _, job = control.tell(stack.port("api"), "/jobs", {"text": "with fresh connections"})
    until(lambda: _job(stack, job["id"])["state"] == "done", 5, "jobs are taken again")
    control.turn(port, stale=False)


def test_an_exit_code_can_be_chosen(stack: Stack) -> None:
    control.turn(stack.port("ollama"), exit_code=137)
    assert stack.processes["ollama/0"].wait(5) == 137
    stack.start("ollama")


def test_pages_of_strangers_cannot_turn_knobs(stack: Stack) -> None:
    done = subprocess.run(
        [
            *("curl", "-s", "--noproxy", "*", "-H", "Origin: http://example.org"),
            *("-d", '{"fail": true}', f"http://127.0.0.1:{stack.port('api')}/knobs"),
        ],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert "only for programs on this host" in done.stdout


def test_ports_of_services_do_not_overlap(stack: Stack) -> None:
    ports = sorted(stack.port(name) for name in stack.services)
    gaps = {later - earlier for earlier, later in pairwise(ports)}
    assert gaps == {PORTS_PER_SERVICE}


def _job(stack: Stack, number: int) -> Any:
    return control.ask(stack.port("webui"), f"/jobs/{number}")[1]


def _ask_postgres(stack: Stack, sql: str) -> str:
    """Through the server's own client, not through any service."""
    binaries = Path(stack.services["postgres"]["command"][0]).parent
    variables = stack.services["api"]["env"]
    passfile = Path(variables["DATABASE_PASSFILE"])
    command = psql_at(binaries, variables["DATABASE_URL"], passfile, sql)
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=5)
    return done.stdout.strip()
