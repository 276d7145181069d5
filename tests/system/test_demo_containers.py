"""The demo over containers, whole, and once; nothing stays of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker_engine import Docker, call

pytestmark = [
    pytest.mark.system,
    pytest.mark.usefixtures("port_of_everup"),
    pytest.mark.timeout(900),
]
ENDINGS = ("escalated", "left alone", "not touched")


def test_the_demo_over_containers(docker: Docker, tmp_path: Path) -> None:
    everup = (sys.executable, "-m", "everup.cli")
    told = subprocess.run(
        [*everup, "demo", "--containers", "--time-scale", "0.2"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=560,
    )
    assert told.returncode == 0, told.stdout
    table = told.stdout.split("What happened")[1]
    for word in ("out of memory", "tmpfs", "bad deploy", "autoheal", *ENDINGS):
        assert word in " ".join(table.split()), told.stdout
    assert "nothing else was touched" in table
    name = re.search(r"the tag (everup-demo-\w+):live", told.stdout)
    assert name, told.stdout
    mine = f"label=com.docker.compose.project={name[1]}"
    for listing in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
        assert call(*listing, "--filter", mine) == ""
    assert call("images", "-q", name[1]) == ""
