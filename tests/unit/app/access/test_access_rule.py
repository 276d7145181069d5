"""Who is local, by our own container's documents, and what everybody else is told."""

from __future__ import annotations

from typing import Any

import pytest

from everup.app.access import open_access
from everup.app.access.home import Binding, Home, home_of
from everup.app.access.rule import access_of
from everup.app.access.token import hash_of

TOKEN = "a-token-that-is-long-enough"
SHA = hash_of(TOKEN)
BRIDGE = {"Driver": "bridge", "Scope": "local"}
LOOPBACK = (Binding("127.0.0.1", 8010),)


def document(**more: Any) -> dict[str, Any]:
    attached = {"Gateway": "172.20.0.1", "Aliases": ["infrastructure-recovery-service", "0a1b2c"]}
    return {
        "Id": "f" * 64,
        "Name": "/shop_everup_1",
        "Config": {"Labels": {"com.docker.compose.service": "everup"}, "Hostname": "0a1b2c3d4e5f"},
        "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {"shop_default": attached}, "Ports": {}},
        **more,
    }


def published(*addresses: str) -> dict[str, Any]:
    ports = {"8010/tcp": [{"HostIp": one, "HostPort": "9000"} for one in addresses]}
    attached = {"Gateway": "172.20.0.1", "Aliases": []}
    return document(NetworkSettings={"Networks": {"shop_default": attached}, "Ports": ports})


def test_nobody_is_asked_where_nobody_else_can_reach_us() -> None:
    assert open_access().is_local("whoever")


def test_published_on_loopback_the_host_is_local_and_others_show_the_token() -> None:
    access = access_of("0.0.0.0", 8010, home_of(published("127.0.0.1"), [BRIDGE], 8010), SHA)
    assert not access.is_wide
    assert [access.is_local(one) for one in ("172.20.0.1", "127.0.0.1", "::1")] == [True] * 3
    assert access.is_local("::ffff:172.20.0.1")
    assert not any(access.is_local(one) for one in ("172.20.0.7", "192.168.1.9", "", "::2"))
    assert "docker exec shop_everup_1 everup token" in access.fix
    assert access.is_right(TOKEN)
    assert not access.is_right(TOKEN + "x")
    assert not access.is_right("")


@pytest.mark.parametrize("addresses", [["0.0.0.0"], [""], ["::"], ["127.0.0.1", "192.168.1.5"]])
def test_published_wider_everybody_shows_it(addresses: list[str]) -> None:
    access = access_of("0.0.0.0", 8010, home_of(published(*addresses), [BRIDGE], 8010), SHA)
    assert access.is_wide
    assert not any(access.is_local(one) for one in ("172.20.0.1", "127.0.0.1", "::1"))
    assert 'ports: ["127.0.0.1:9000:8010"]' in access.fix
    assert "networks: [access, default], with networks: {access: {}} at the end" in access.fix
    assert "docker exec shop_everup_1 everup token" in access.fix


def test_published_nowhere_the_host_is_local() -> None:
    access = access_of("0.0.0.0", 8010, home_of(document(), [BRIDGE], 8010), SHA)
    assert access.is_local("172.20.0.1")
    assert not access.is_local("172.20.0.2")


def test_before_the_ports_are_there_it_counts_what_was_asked_for() -> None:
    asked = {"NetworkMode": "x", "PortBindings": {"8010/tcp": [{"HostIp": "", "HostPort": "8010"}]}}
    assert home_of(document(HostConfig=asked), [BRIDGE], 8010).bindings == (Binding("", 8010),)


@pytest.mark.parametrize(
    "network",
    [
        {"Driver": "macvlan", "Scope": "local"},
        {"Driver": "overlay", "Scope": "swarm"},
        {**BRIDGE, "Options": {"com.docker.network.bridge.inhibit_ipv4": "true"}},
        {},
    ],
)
def test_a_gateway_that_may_be_somebody_elses_is_not_the_host(network: dict[str, Any]) -> None:
    assert home_of(published("127.0.0.1"), [network], 8010).gateways == ()


@pytest.mark.parametrize(
    ("home", "said"),
    [
        (Home("e", problem="the engine is away"), "the engine is away"),
        (Home("e", bindings=LOOPBACK, shares="the host"), "EVERUP_LISTEN=127.0.0.1:8010"),
        (Home("e", bindings=LOOPBACK, shares="another container"), "network of another one"),
        (Home("e", bindings=LOOPBACK, is_of_swarm=True), "Swarm"),
    ],
)
def test_where_it_cannot_be_known_everybody_shows_it(home: Home, said: str) -> None:
    access = access_of("0.0.0.0", 8010, home, SHA)
    assert access.is_wide
    assert not access.is_local("127.0.0.1")
    assert said in f"{access.why} {access.fix}"
    assert "docker exec e everup token" in access.fix


def test_on_a_host_that_listens_wider_too() -> None:
    access = access_of("0.0.0.0", 8010, None, SHA)
    assert access.is_wide
    assert not access.is_local("127.0.0.1")
    assert "everup token" in access.fix
    assert "--listen 127.0.0.1:8010" in access.fix


def test_of_networks_and_namespaces() -> None:
    assert home_of(document(HostConfig={"NetworkMode": "host"}), [], 1).shares == "the host"
    other = home_of(document(HostConfig={"NetworkMode": "container:abc"}), [], 1)
    assert other.shares == "another container"
    names = home_of(document(), [BRIDGE], 8010).names
    assert {"shop_everup_1", "everup", "infrastructure-recovery-service"} <= set(names)
