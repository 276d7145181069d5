"""Who could pretend to be the host: everybody else on our bridge, looked at anew for each call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from everup.app.access import Neighbours
from everup.app.access.home import Bridge, Home, home_of
from everup.app.access.neighbours import others_on
from everup.app.access.rule import access_of
from everup.model.errors import TryAgain

OWN, OTHER = "0" * 64, "1" * 64
SHARED = Bridge("shop_default", "n" * 64, ("172.19.0.1", "fd00::1"))
APART = Bridge("shop_access", "m" * 64, ("172.30.0.1",))
HOME = Home("everup", id=OWN, bridges=(SHARED, APART))


def line(container: str, mode: str = "x", **networks: str) -> dict[str, Any]:
    ends = {name: {"NetworkID": network} for name, network in networks.items()}
    return {
        "Id": container,
        "Names": [f"/c{container[0]}"],
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": ends},
    }


US = line(OWN, shop_default="n" * 64, shop_access="m" * 64)


class FakeEngine:
    """Lists `lines`, or fails."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.lines = list(lines)
        self.is_away = False
        self.asked = 0

    async def open(self) -> None:
        if self.is_away:
            raise TryAgain("the engine says: not now")

    async def close(self) -> None:
        pass

    async def get(self, path: str, **params: Any) -> Any:
        assert (path, params) == ("containers/json", {"all": True}), "those that ended, too"
        self.asked += 1
        return self.lines


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        (line(OTHER, shop_default="n" * 64), True),
        (line(OTHER, renamed="n" * 64), True),
        (line(OTHER, shop_default=""), True),
        (line(OTHER, f"container:{OWN}"), True),
        (line(OTHER, shop_default="another" * 9), False),
        (line(OTHER, elsewhere="e" * 64), False),
        (line(OTHER, elsewhere=""), False),
        (line(OTHER, "host", host="h" * 64), False),
        ({"Id": OTHER}, False),
    ],
)
def test_who_is_on_it(other: dict[str, Any], is_one: bool) -> None:
    assert bool(others_on([US, other], OWN, SHARED)) == is_one


def test_each_bridge_is_looked_at_by_itself_and_anew_for_each_call() -> None:
    engine = FakeEngine(US, line(OTHER, shop_default="n" * 64))
    beside = Neighbours(HOME, lambda: engine)  # type: ignore[arg-type,return-value]

    def doubt(caller: str) -> str:
        return asyncio.run(beside.doubt(caller))

    assert "c1 on the network shop_default could pretend to be this host" in doubt("172.19.0.1")
    assert doubt("fd00::1")
    assert not doubt("172.30.0.1")
    engine.lines.append(line("2" * 64, shop_access="m" * 64))
    assert "c2 on the network shop_access" in doubt("172.30.0.1"), "somebody has joined"
    del engine.lines[1:]
    assert not doubt("172.19.0.1")
    asked = engine.asked
    assert not doubt("127.0.0.1")
    assert engine.asked == asked, "nobody is in between there"
    engine.is_away = True
    assert "does not say who else is on the network shop_access" in doubt("172.30.0.1")


def test_the_rule_asks_by_the_address_as_the_engine_writes_it() -> None:
    asked: list[str] = []

    async def doubt(caller: str) -> str:
        asked.append(caller)
        return "somebody"

    access = access_of("0.0.0.0", 8010, HOME, b"", doubt)
    assert asyncio.run(access.doubts("::ffff:172.19.0.1")) == "somebody"
    assert asyncio.run(access.doubts("fd00:0::1%eth0")) == "somebody"
    assert asked == ["172.19.0.1", "fd00::1"]
    assert not asyncio.run(access_of("0.0.0.0", 8010, HOME, b"").doubts("172.19.0.1"))


def test_a_home_knows_its_bridges() -> None:
    end = {"Gateway": "172.19.0.1", "IPv6Gateway": "", "NetworkID": "n" * 64}
    document = {"Id": OWN, "Name": "/e", "NetworkSettings": {"Networks": {"shop_default": end}}}
    network = {"Driver": "bridge", "Scope": "local", "Name": "shop_default", "Id": "n" * 64}
    home = home_of(document, [network], 8010)
    assert home.bridges == (Bridge("shop_default", "n" * 64, ("172.19.0.1",)),)
    assert home.id == OWN
