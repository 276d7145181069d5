"""Which servers are whose, and whom a group cannot do without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.routes import Candidates, added_name, group_of, is_needed, servers_of
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.routing import Held, Order, Route, RoutedServer, RouterListing, ServerName
from tests.unit.builders import service


def instance(number: int, address: str | None = None, port: int | None = None) -> Instance:
    name = f"shop_web_{number}"
    state = InstanceState.RUNNING
    return Instance("web", name, f"{name}!1", state, address=address, port=port)


def server(name: str, address: str, port: int = 80, **changes: object) -> RoutedServer:
    group, _, short = name.partition("/")
    return RoutedServer(ServerName(group, short), address=address, port=port, **changes)  # type: ignore[arg-type]


ONE, TWO = instance(1, "10.0.0.1"), instance(2, "10.0.0.2")
LISTING = RouterListing(
    0.0,
    (
        server("be_web/web1", "10.0.0.1"),
        server("be_web/web2", "10.0.0.2"),
        server("be_web/web3", "10.0.0.3"),
        server("admin/only", "10.0.0.1", 8080),
    ),
)


def names(spec_route: Route | None, *instances: Instance, held: tuple[Held, ...] = ()) -> object:
    found = servers_of(service("web", route=spec_route), instances, LISTING, held)
    return {name: sorted(str(s.name) for s in servers) for name, servers in found.items()}


def test_by_address_in_every_group() -> None:
    assert names(None, ONE, TWO) == {
        "shop_web_1": ["admin/only", "be_web/web1"],
        "shop_web_2": ["be_web/web2"],
    }


def test_by_address_in_the_declared_group_and_port() -> None:
    assert names(Route("be_web"), ONE) == {"shop_web_1": ["be_web/web1"]}
    assert names(Route(port=8080), ONE) == {"shop_web_1": ["admin/only"]}
    assert names(Route("be_web", port=81), ONE) == {}


def test_by_name_whatever_the_address() -> None:
    route = Route("be_web", "web{number}")
    assert names(route, instance(3, "10.9.9.9")) == {"shop_web_3": ["be_web/web3"]}
    assert names(Route("be_web", "{instance}"), ONE) == {}


def test_of_processes_by_the_port_on_loopback() -> None:
    listing = RouterListing(0.0, (server("b/a", "127.0.0.1", 81), server("b/b", "127.0.0.1", 82)))
    found = servers_of(service("web"), [instance(1, port=82)], listing)
    assert [str(s.name) for s in found["shop_web_1"]] == ["b/b"]


def test_who_has_neither_address_nor_port_has_no_server() -> None:
    assert names(None, instance(1)) == {}


def test_what_we_hold_for_an_instance_is_its_server_wherever_it_went() -> None:
    held = Held(ServerName("be_web", "web1"), "web", "shop_web_1", 0.0, Order.OUT)
    moved = instance(1, "10.0.0.77")
    assert names(Route("be_web"), moved, held=(held,)) == {"shop_web_1": ["be_web/web1"]}


def test_a_group_keeps_somebody() -> None:
    one, two, three, _ = LISTING.servers
    assert is_needed([one], LISTING) == ""
    assert is_needed([one, two, three], LISTING) == "be_web"
    assert is_needed([], LISTING) == ""
    down = RouterListing(0.0, (one, server("be_web/web2", "10.0.0.2", is_up=False)))
    assert is_needed([one], down) == "be_web"
    assert is_needed([down.servers[1]], down) == "", "it takes none anyhow"


@pytest.mark.parametrize(
    ("servers", "group"),
    [({}, ""), ({"a": LISTING.servers[:1]}, "be_web"), ({"a": LISTING.servers}, "")],
)
def test_where_another_one_belongs(
    servers: dict[str, tuple[RoutedServer, ...]], group: str
) -> None:
    assert group_of(service("web"), servers)[0] == group


def test_names_of_added_servers_are_names() -> None:
    assert added_name(Instance("web", "a b;c", "x", InstanceState.RUNNING)) == "everup-a-b-c"


ADDRESSES = ("", "10.0.0.1", "10.0.0.2", "127.0.0.1")
SERVERS = st.lists(
    st.builds(
        lambda group, number, address, port: server(f"{group}/web{number}", address, port),
        st.sampled_from(["be_web", "admin"]),
        st.integers(1, 4),
        st.sampled_from(ADDRESSES),
        st.sampled_from([0, 80, 81]),
    ),
    unique_by=lambda one: one.name,
)
INSTANCES = st.lists(
    st.builds(
        instance,
        st.integers(1, 4),
        st.sampled_from([None, *ADDRESSES[1:]]),
        st.sampled_from([None, 80, 81]),
    ),
    unique_by=lambda one: one.name,
)
ROUTES = st.none() | st.builds(
    Route,
    st.sampled_from(["", "be_web", "gone"]),
    st.sampled_from(["", "web{number}"]),
    st.sampled_from([0, 80]),
)


@given(SERVERS, INSTANCES, ROUTES, st.sampled_from(["web", "other"]), st.booleans())
def test_among_the_candidates_are_the_same_servers(
    servers: list[RoutedServer],
    instances: list[Instance],
    route: Route | None,
    holder: str,
    is_broken: bool,
) -> None:
    listing = RouterListing(0.0, tuple(servers))
    held = tuple(
        Held(one.name, holder, "shop_web_1", 9e9, Order.DRAIN, because="an edge" * is_broken)
        for one in servers[:1]
    )
    spec = service("web", route=route)
    expected = servers_of(spec, instances, listing, held)
    found = Candidates(listing, held).servers_of(spec, instances)
    assert {n: set(s) for n, s in found.items()} == {n: set(s) for n, s in expected.items()}
