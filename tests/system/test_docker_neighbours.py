"""Who is on our bridge, by the real engine's word: those that run, that ended, and that join."""

from __future__ import annotations

import asyncio

import pytest

from everup.app.access import Neighbours
from everup.app.access.home import Home, attachments, home_of
from tests.docker_engine import BUSYBOX, Docker, api, call

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def _home(docker: Docker, container: str) -> Home:
    document = docker.inspect(container)
    networks = [api("GET", f"/networks/{a['NetworkID']}")[1] for a in attachments(document)]
    return home_of(document, networks, 8010)


def test_whoever_shares_a_bridge_is_seen_at_the_next_call(docker: Docker) -> None:
    shared, apart = docker.network("shared"), docker.network("apart")
    us = docker.run(BUSYBOX, "sleep", "600", options=["--network", shared])
    call("network", "connect", apart, us)
    home = _home(docker, us)
    gateways = {bridge.name: bridge.gateways[0] for bridge in home.bridges}
    assert set(gateways) == {shared, apart}

    def doubts() -> set[str]:
        beside = Neighbours(home)
        return {name for name, one in gateways.items() if asyncio.run(beside.doubt(one))}

    assert doubts() == set()
    other = docker.run(BUSYBOX, "sleep", "600", options=["--network", shared])
    assert doubts() == {shared}
    call("network", "connect", apart, other)
    assert doubts() == {shared, apart}
    call("kill", other)
    assert doubts() == {shared, apart}, "it may have asked before it ended"
    call("rm", other)
    assert doubts() == set()
    never = call("create", "--label", docker.label, "--network", apart, BUSYBOX, "true")
    assert doubts() == {apart}
    call("rm", never)
    docker.run(BUSYBOX, "sleep", "600", options=["--network", f"container:{us}"])
    assert doubts() == {shared, apart}, "it lives in our network"
