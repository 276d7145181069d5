"""Everup's own image for tests, built once for all workers from the base that scripts/engine makes.

The engine keeps the layers, so that a build after a change of code alone takes seconds.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.docker_engine import PYTHON, Docker, api

PREFIX = os.environ.get("TEST_IMAGE_PREFIX", "everup-test")
"""Two checkouts that test at once on one engine want names of their own."""
EVERUP, STACK = f"{PREFIX}/everup", f"{PREFIX}/stack"
ROOT = Path(__file__).resolve().parent.parent
BUILT_WITHIN_S = 480.0  # about 80 s from nothing; two lanes share the cores


@pytest.fixture(scope="session")
def everup_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its tag. The second worker waits for the first, and finds every layer made."""
    return _built(EVERUP, [], tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="session")
def stack_image(everup_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same of the reference stack's services; its layers are made by then."""
    return _built(STACK, ["stack"], tmp_path_factory.getbasetemp().parent)


def _built(tag: str, stage: list[str], folder: Path) -> str:
    with (folder / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = api("GET", f"/images/{tag}:latest/json")[1]
        built = subprocess.run(
            ["scripts/image", tag, *stage],
            cwd=ROOT,
            env={**os.environ, "BASE_IMAGE": PYTHON},
            capture_output=True,
            text=True,
            timeout=BUILT_WITHIN_S,
        )
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        now = api("GET", f"/images/{tag}:latest/json")[1]
        if before.get("Id", now["Id"]) != now["Id"]:
            api("DELETE", f"/images/{before['Id']}")  # it stays where something uses it
    return tag
