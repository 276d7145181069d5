"""What every router promises, each promise told as a story in a lab."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from everup.model.errors import EverupError, GiveUp, StillHeld, TryAgain
from everup.model.routing import Held, Order, ServerName, Skill
from everup.testing.router_lab import GROUP, SERVERS, RouterLab, find, server

FAR_S = 4e9
WITHIN_S = 10.0
HOSTILE = ("web1;disable server web/web2", "web1\nset server web/web2 state maint", "", "a b", "é")


def held(name: str, order: Order | None = Order.DRAIN, service: str = "web") -> Held:
    return Held(server(name), service, f"{service}-{name}", FAR_S, order)


async def _until_up(lab: RouterLab, name: ServerName) -> None:
    for _ in range(int(WITHIN_S / 0.1)):
        if find(await lab.router.list(), name).is_up:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} did not come up")


async def lists_servers_as_they_are(lab: RouterLab) -> None:
    listing = await lab.router.list()
    assert listing.life, "a reload can be told"
    for name in SERVERS:
        one = find(listing, server(name))
        assert (one.order, one.weight, one.weight_declared) == (Order.READY, 100, 100)
        assert one.address, "it leads somewhere"
        assert one.port > 0
        assert one.sessions == 0
        assert one.is_checked
        assert one.takes
    assert await lab.router.held() == (), "nothing is held to begin with"


async def holds_and_gives_back(lab: RouterLab) -> None:
    router = lab.router
    for order in (Order.DRAIN, Order.OUT):
        await router.hold(held("web1", order))
        one = find(await router.list(), server("web1"))
        assert one.order is order
        assert not one.takes
        assert [h.order for h in await router.held()] == [order]
    assert find(await router.list(), server("web2")).takes, "nobody else is touched"
    assert await router.give_back(server("web1"), is_proven=True), "what was done is said"
    assert find(await router.list(), server("web1")).order is Order.READY
    assert await router.held() == ()
    assert await router.give_back(server("web1")) == "", "twice is fine"


async def an_order_twice_is_one_hold(lab: RouterLab) -> None:
    router = lab.router
    await router.list()
    await router.hold(held("web1"))
    await router.hold(held("web1"))
    assert len(await router.held()) == 1
    await router.give_back(server("web1"), is_proven=True)
    assert find(await router.list(), server("web1")).takes


async def weighs_and_gives_back_what_was(lab: RouterLab) -> None:
    router = lab.router
    hold = replace(held("web1", None), weight_before=100.0)
    await router.weigh(hold, 0.5)
    assert find(await router.list(), server("web1")).weight == 50
    await router.weigh(replace(hold, weight_before=50.0), 0.25)
    assert find(await router.list(), server("web1")).weight == 25, "of what it had at first"
    await router.weigh(hold, 0.0001)
    assert find(await router.list(), server("web1")).weight >= 1, "never 0"
    await router.hold(held("web1", Order.OUT))
    assert await router.ready(server("web1"), is_proven=True)
    one = find(await router.list(), server("web1"))
    assert (one.order, one.weight) == (Order.READY, 1), "ready gives back the order alone"
    await router.give_back(server("web1"), is_proven=True)
    assert find(await router.list(), server("web1")).weight == 100
    assert await router.held() == ()


async def a_share_takes_no_order_over(lab: RouterLab) -> None:
    """Whoever steers may have seen it just before somebody else had it drain."""
    router = lab.router
    await router.list()
    shed = replace(held("web1", Order.DRAIN), because="somebody's reason")
    await router.hold(shed)
    await router.weigh(replace(held("web1", None), until_s=1.0, weight_before=100.0), 0.5)
    (note,) = await router.held()
    assert (note.order, note.because, note.until_s) == (Order.DRAIN, shed.because, FAR_S)
    assert find(await router.list(), server("web1")).order is Order.DRAIN
    await router.give_back(server("web1"), is_proven=True)
    one = find(await router.list(), server("web1"))
    assert (one.order, one.weight) == (Order.READY, 100)
    assert await router.held() == ()


async def the_next_life_finds_what_is_held(lab: RouterLab) -> None:
    await lab.router.list()
    await lab.router.hold(held("web1", Order.OUT))
    await lab.router.weigh(replace(held("web2", None), weight_before=100.0), 0.5)
    router = await lab.again()
    assert {h.server.name for h in await router.held()} == {"web1", "web2"}
    said = await router.release()
    assert len(said) == 2
    assert all(line.startswith("web: ") for line in said)
    assert await router.held() == ()
    lab.router = router
    await _until_up(lab, server("web1"))
    listing = await router.list()
    assert find(listing, server("web1")).order is Order.READY
    assert find(listing, server("web2")).weight == 100


async def releases_one_service_alone(lab: RouterLab) -> None:
    router = lab.router
    await router.hold(held("web1"))
    await router.hold(held("web2", service="other"))
    assert len(await router.release("other")) == 1
    assert [h.service for h in await router.held()] == ["web"]
    assert find(await router.list(), server("web1")).order is Order.DRAIN


async def forgets_without_an_order(lab: RouterLab) -> None:
    router = lab.router
    await router.hold(held("web1", Order.OUT))
    await router.forget(server("web1"))
    assert await router.held() == ()
    assert find(await router.list(), server("web1")).order is Order.OUT, "as somebody has it"


async def what_is_not_proven_waits_for_its_check(lab: RouterLab) -> None:
    router = lab.router
    await router.list()
    await router.hold(held("web1", Order.OUT))
    await router.give_back(server("web1"))
    assert not find(await router.list(), server("web1")).takes, "nobody has looked yet"
    await _until_up(lab, server("web1"))


async def moves_a_server(lab: RouterLab) -> None:
    router = lab.router
    if Skill.MOVE not in router.manifest.skills:
        return
    address, port = await lab.address()
    await router.move(server("web1"), address, port)
    await router.move(server("web1"), address, port)
    one = find(await router.list(), server("web1"))
    assert (one.address, one.port) == (address, port)


async def adds_and_removes_its_own_alone(lab: RouterLab) -> None:
    router = lab.router
    listing = await router.list()
    if Skill.ADD not in router.manifest.skills:
        return
    like, (address, port) = find(listing, server("web1")), await lab.address()
    made = await router.add(like, "everup-web-4", address, port)
    assert made == ServerName(GROUP, "everup-web-4")
    one = find(await router.list(), made)
    assert not one.takes, "it gets nothing before it is made ready"
    assert (one.address, one.port, one.weight_declared) == (address, port, 100)
    assert await router.ready(made, is_proven=True)
    assert find(await router.list(), made).takes
    await router.hold(replace(held("web1", Order.OUT), server=made))
    router = await lab.again()
    await router.list()
    await router.remove(made)
    assert made not in [s.name for s in (await router.list()).servers]
    assert await router.held() == (), "who is gone is not held"
    await router.hold(held("web1", Order.OUT))
    await router.remove(server("web1"))
    one = find(await router.list(), server("web1"))
    assert one.order is Order.OUT, "a configured one stays"


async def a_reload_can_be_told(lab: RouterLab) -> None:
    before = (await lab.router.list()).life
    await lab.router.hold(held("web1", Order.OUT))
    await lab.reload()
    after = await lab.router.list()
    assert after.life != before
    assert [h.life for h in await lab.router.held()] == [before], "whose order it was is noted"


async def names_say_nothing_else(lab: RouterLab) -> None:
    router = lab.router
    for text in HOSTILE:
        for name in (ServerName(GROUP, text), ServerName(text, "web1")):
            for order in (
                router.hold(replace(held("web1"), server=name)),
                router.move(name, "127.0.0.1", 80),
            ):
                try:
                    await order
                except GiveUp:
                    continue
                raise AssertionError(f"{name!s} was taken for a server")
    for address in ("127.0.0.1 port 1; disable server web/web2", "localhost", ""):
        try:
            await router.move(server("web1"), address, 80)
        except GiveUp:
            continue
        raise AssertionError(f"{address!r} was taken for an address")
    listing = await router.list()
    assert all(find(listing, server(name)).takes for name in SERVERS)


async def an_unknown_server_is_refused(lab: RouterLab) -> None:
    try:
        await lab.router.hold(held("nobody"))
    except GiveUp:
        pass
    else:
        raise AssertionError("it has no such server")
    assert await lab.router.release() is not None, "what is not there holds nothing up"
    assert await lab.router.held() == ()


async def silence_is_said_and_nothing_forgotten(lab: RouterLab) -> None:
    router = lab.router
    await router.hold(held("web1"))
    await lab.silence()
    for call in (router.list(), router.give_back(server("web1"))):
        try:
            await call
        except TryAgain:
            continue
        raise AssertionError("nobody answered, and that was not said")
    try:
        await router.release()
    except StillHeld as error:
        said = str(error)
    else:
        raise AssertionError("what is held still was called given back")
    assert "web1" in said
    assert len(await router.held()) == 1


async def only_known_errors(lab: RouterLab) -> None:
    await lab.silence()
    router = lab.router
    for call in (router.hold(held("web1")), router.move(server("web1"), "127.0.0.1", 80)):
        try:
            await call
        except EverupError:
            continue
