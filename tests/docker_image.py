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

EVERUP = "everup-test/everup"
ROOT = Path(__file__).resolve().parent.parent
BUILT_WITHIN_S = 480.0  # about 80 s from nothing; two lanes share the cores


@pytest.fixture(scope="session")
def everup_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its tag. The second worker waits for the first, and finds every layer made."""
    with (tmp_path_factory.getbasetemp().parent / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = api("GET", f"/images/{EVERUP}:latest/json")[1]
        built = subprocess.run(
            ["scripts/image", EVERUP],
            cwd=ROOT,
            env={**os.environ, "BASE_IMAGE": PYTHON},
            capture_output=True,
            text=True,
            timeout=BUILT_WITHIN_S,
        )
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        now = api("GET", f"/images/{EVERUP}:latest/json")[1]
        if before.get("Id", now["Id"]) != now["Id"]:
            api("DELETE", f"/images/{before['Id']}")  # it stays where something uses it
    return EVERUP
