"""What several system tests share: the world that is killed, and the real servers of the demo.

Nothing is skipped: what a test needs and does not find is a failure that says what to install.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from everup.demo.stack.servers import postgres, redis
from everup.demo.stack.servers.package_files import Missing
from tests.system.kill_world import World

CLIENTS = {"psycopg": "psycopg[binary]", "redis": "redis"}


@pytest.fixture(scope="session")
def real_servers() -> None:
    """PostgreSQL, Redis and their clients are here; whoever needs them uses this fixture."""
    lacking = [package for module, package in CLIENTS.items() if find_spec(module) is None]
    said = [f"package {package} is not installed" for package in lacking]
    for find in (postgres.installed, redis.installed):
        try:
            find()
        except Missing as missing:
            said.append(str(missing))
    if said:
        fix = "install requirements/dev.txt with `make dev`, or everup[demo]"
        pytest.fail(f"{'; '.join(said)}: {fix}", pytrace=False)


@pytest.fixture
def port_of_everup() -> Iterator[None]:
    """Whoever may use port 8010 does so alone: a demo looks for a free port some time before it
    listens there, and two that look at once find the same."""
    with (Path(tempfile.gettempdir()) / "everup-test-8010.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A small stack under an Everup that a test may kill; all of it is ended at the end."""
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()
