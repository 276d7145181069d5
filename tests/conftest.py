"""What holds for every test: traffic on loopback and to its own containers, no process left
behind, seeds that repeat.

Fixtures for all: `free_port`, `docker`, `everup_image`. Nothing here is product code.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests.docker_engine import docker as docker
from tests.docker_engine import is_talked_to
from tests.docker_engine import nothing_left as nothing_left
from tests.docker_image import everup_image as everup_image
from tests.docker_image import stack_image as stack_image
from tests.ports import free_port

MARK = "EVERUP_TEST_WORKER"
LEAVE_WITHIN_S = 5.0

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in {"localhost", ""}


def _only_its_own(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    source, address = arguments
    if source.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    if not _is_loopback(str(address[0])) and not is_talked_to(str(address[0])):
        raise PermissionError(f"a test may talk to loopback only, not to {address[0]}")


sys.addaudithook(_only_its_own)


def _left_behind(mark: str) -> list[psutil.Process]:
    """Processes that tests of this worker started: its children, and whoever carries its mark."""
    found = {child.pid: child for child in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        try:
            environ = Path(f"/proc/{process.pid}/environ").read_bytes()
            dead = process.status() == psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            continue
        if process.pid != os.getpid() and not dead and mark.encode() in environ:
            found[process.pid] = process
    return [process for process in found.values() if _is_ours(process)]


def _is_ours(process: psutil.Process) -> bool:
    """False for what Python itself keeps beside a worker, and for what is already dead."""
    try:
        command = " ".join(process.cmdline())
        return process.status() != psutil.STATUS_ZOMBIE and "multiprocessing" not in command
    except psutil.Error:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    """Ends what this worker's tests left running, by pid, and fails for it."""
    value = uuid.uuid4().hex
    os.environ[MARK] = value
    yield
    mark = f"{MARK}={value}"
    deadline_s = time.monotonic() + LEAVE_WITHIN_S
    while (left := _left_behind(mark)) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    said = []
    for process in left:
        try:
            said.append(f"{process.pid} {' '.join(process.cmdline())}")
            process.kill()
        except psutil.Error:
            continue
    if said:
        pytest.fail("tests left processes behind:\n" + "\n".join(said), pytrace=False)


@pytest.fixture(name="free_port")
def _free_port() -> int:
    """A loopback port that nobody listens on now."""
    return free_port()
