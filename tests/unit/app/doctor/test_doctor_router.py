"""What is said of a router that was declared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from everup.app.doctor.findings import State
from everup.app.doctor.routers import judge_router, see_router
from everup.model.routing import (
    RoutedServer,
    RouterListing,
    RouterManifest,
    RouterSpec,
    ServerName,
    Skill,
)

SPEC = RouterSpec("haproxy", "tcp://lb:9999")
ALL = RouterManifest("haproxy", frozenset(Skill))
CHECKED = RoutedServer(ServerName("web", "web1"), is_checked=True)
PLAIN = RoutedServer(ServerName("web", "web2"))


@pytest.mark.parametrize(
    ("servers", "manifest", "state", "said"),
    [
        ((CHECKED,), ALL, State.OK, "with 1 servers"),
        ((), ALL, State.WEAK, "with 0 servers"),
        ((CHECKED, PLAIN), ALL, State.WEAK, "nobody checks web/web2"),
        ((CHECKED,), RouterManifest("haproxy"), State.WEAK, "none can be added"),
    ],
)
def test_what_it_is(
    servers: tuple[RoutedServer, ...], manifest: RouterManifest, state: State, said: str
) -> None:
    found = judge_router(SPEC, RouterListing(0.0, servers, "1", "2.6.12"), manifest)
    assert found.state is state
    assert said in found.text
    assert found.fix or found.state is State.OK


def test_one_that_does_not_answer_is_wrong(tmp_path: Path) -> None:
    spec = RouterSpec("haproxy", "unix:///nowhere/at/all", 0.5)
    (found,) = asyncio.run(see_router(spec, tmp_path))
    assert found.state is State.WRONG
    assert "cannot be reached" in found.text
    assert "level admin" in found.fix
