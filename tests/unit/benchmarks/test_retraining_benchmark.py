"""What retraining costs is measured of the real worker, and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import retraining


@pytest.mark.timeout(240)
def test_the_worker_and_the_thread_learn_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert retraining.main(["--services", "2", "--days", "4", "--json", str(out)]) in (0, 1)
    ways = {one["who"]: one for one in json.loads(out.read_text())["ways"]}
    assert list(ways) == ["at rest", "worker", "thread"]
    assert ways["worker"]["rows"] == ways["thread"]["rows"] > 300
    assert ways["worker"]["ticks"] > 10
