"""The load laboratory with containers behind a HAProxy that finds them by their name.

Ours is scaled by Everup itself, the peer beside it by the plain rule of 70 %: nothing is lost by
either of them, out or in, and ours keeps its target, and nothing of the engine's is left.
"""

from __future__ import annotations

import os

import pytest

from benchmarks.recovery.engines import Engine
from benchmarks.recovery.places import LABEL
from benchmarks.scaling_live.stage import Runtime
from tests.docker_engine import Docker
from tests.system.live_scaling import follows, played

pytestmark = [pytest.mark.system, pytest.mark.timeout(480)]


def made() -> list[str]:
    """What runs of this process have on the engine now; other tests have theirs."""
    shown = f'{{{{.Label "{LABEL}"}}}}'
    chosen = ["--filter", f"label={LABEL}", "--format", shown]
    listings = (["ps", "-a"], ["network", "ls"], ["volume", "ls"])
    told = [mark for words in listings for mark in Engine().docker(*words, *chosen).split()]
    return [mark for mark in told if mark.startswith(f"{os.getpid()}.")]


def test_a_load_that_rises_five_times_and_falls_is_followed_and_nothing_is_lost(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERUP_BENCH_RUN", "")  # a run sets it; it is put back afterwards
    assert docker.label, "there is an engine"
    follows(played(Runtime.DOCKER))
    assert made() == []
