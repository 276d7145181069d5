"""Brings servers back, leads them to where their instances are, and gives each its share.

Flows in: completed looks, the router's listing, what is held. Flows out: orders to the router, and
sentences on what is worth saying. Called by `traffic`, one pass at a time. Level-triggered: what a
pass does depends on what is seen and noted, so that a pass that fails is made up for by the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.ports import Clock, Router
from everup.loop.routes import LOOPBACK, added_name, group_of, leads_to, servers_of
from everup.loop.traffic_places import PlaceFate, fate_of
from everup.loop.traffic_plan import Fate, comes_up_most_s, fate, is_well
from everup.loop.weights import LEVELS, WEIGHT_LEAST, score_of, shares, slow_start
from everup.model.errors import GiveUp
from everup.model.kinds import UNKNOWN, ActionKind, InstanceState, Mode, is_known
from everup.model.mitigation import SHED_FOR
from everup.model.observation import Instance, InstanceObservation
from everup.model.routing import (
    PLACE_FOR,
    Held,
    Order,
    RoutedServer,
    RouterListing,
    ServerName,
    Skill,
)
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.safety import mode_in_force
from everup.safety.freezes import freezes_in_force

if TYPE_CHECKING:
    from everup.loop.control import Control

NEW_MOST = 10
"""Servers that are added in one pass."""

FULL = LEVELS[-1]


class Bringer:
    """What it remembers is lost with it, and then a server has its full share at once."""

    def __init__(self, stack: Stack, settings: Settings, clock: Clock) -> None:
        self._stack, self._settings, self._clock = stack, settings, clock
        self._fresh: dict[ServerName, float] = {}
        self._refused: dict[str, str] = {}  # instance → why it got no server, as last said
        self._steered_at_s = float("-inf")
        self._awaited: frozenset[str] = frozenset()  # services of which a newcomer may soon be well

    @property
    def next_s(self) -> float:
        """When it is time again though nothing else calls for it; NaN: it is not."""
        if not self._fresh and not self._awaited:
            return UNKNOWN
        return self._steered_at_s + self._settings.sample_interval_s

    def is_due(self, now_s: float) -> bool:
        """Is it time to see to shares and newcomers?"""
        return now_s - self._steered_at_s >= self._settings.sample_interval_s

    async def after_look(
        self, router: Router, listing: RouterListing, held: Sequence[Held], control: Control
    ) -> list[str]:
        """One pass."""
        said: list[str] = []
        by_name = {server.name: server for server in listing.servers}
        ours: list[Held] = []
        for one in (one for one in held if one.because == SHED_FOR):
            said += await self._shed_over(router, one, by_name.get(one.server), listing)
        for one in (one for one in held if one.because == PLACE_FOR):
            said += await self._see_place(router, one, by_name.get(one.server), listing, control)
        for one in (one for one in held if not one.because):
            server = by_name.get(one.server)
            if await self._is_ours(router, one, server, listing, said):
                ours.append(one)
        for one in ours:
            if one.order is not None:
                said += await self._end(router, one, listing, control)
        if self.is_due(control.clock.now()):
            self._steered_at_s = control.clock.now()
            self._forget_gone(by_name, control)
            self._awaited = frozenset()
            for spec in self._stack.services.values():
                said += await self._newcomers(router, spec, listing, held, control)
                await self._steer(router, spec, listing, ours, control)
        return said

    def _forget_gone(self, servers: Collection[ServerName], control: Control) -> None:
        """Of whom is not there any more nothing is remembered."""
        here = {
            name for spec in self._stack.services.values() for name in self._seen(spec, control)
        }
        self._fresh = {name: at_s for name, at_s in self._fresh.items() if name in servers}
        self._refused = {name: why for name, why in self._refused.items() if name in here}

    # --- what is held ---------------------------------------------------------------------------

    async def _is_ours(
        self,
        router: Router,
        held: Held,
        server: RoutedServer | None,
        listing: RouterListing,
        said: list[str],
    ) -> bool:
        """Somebody else may have spoken since, or a reload may have forgotten our order."""
        if held.service not in self._stack.services or server is None:
            await router.give_back(held.server)
            return False
        return await self._keeps_order(router, held, server, listing, said)

    async def _keeps_order(
        self,
        router: Router,
        held: Held,
        server: RoutedServer,
        listing: RouterListing,
        said: list[str],
    ) -> bool:
        """Is it ours still, ordered again where a reload forgot it?"""
        if held.order is None or server.order is not Order.READY:
            return True
        if held.life == listing.life:
            said.append(f"{held.server}: somebody else has it take requests; it is theirs now")
            await router.forget(held.server)
            return False
        await router.hold(held)
        said.append(f"{held.server}: the router began anew; it takes no requests still")
        return True

    async def _shed_over(
        self,
        router: Router,
        held: Held,
        server: RoutedServer | None,
        listing: RouterListing,
    ) -> list[str]:
        """Its lease is over, or somebody else has spoken since. Else its mitigation ends it."""
        said: list[str] = []
        if server is not None and self._clock.now() < held.until_s:
            await self._keeps_order(router, held, server, listing, said)
            return said
        text = await router.give_back(held.server)
        return [f"{text}: its time is over"] if text else []

    async def _see_place(
        self,
        router: Router,
        held: Held,
        server: RoutedServer | None,
        listing: RouterListing,
        control: Control,
    ) -> list[str]:
        """Whoever came there takes requests once it is well, while others are still awaited."""
        said: list[str] = []
        spec = self._stack.services.get(held.service)
        if server is None or spec is None:
            await router.give_back(held.server)
            return said
        if not await self._keeps_order(router, held, server, listing, said):
            return said
        flight, seen = control.state.in_flight.get(spec.name), self._seen(spec, control)
        is_awaited = flight is not None and flight.step.kind is ActionKind.SCALE_OUT
        now_s = control.clock.now()
        found, one = fate_of(
            spec, held, server, seen.values(), now_s, self._settings, is_awaited=is_awaited
        )
        if found is PlaceFate.FILLED and one is not None:
            note = replace(held, instance=one.instance.name, because="")
            await router.hold(note)
            said += await self.bring(router, spec, one.instance, [note], listing, is_slow=True)
        elif found is PlaceFate.FREE:
            await router.give_back(held.server, is_proven=True)
        elif found is PlaceFate.OVER:
            text = await router.give_back(held.server)
            said.append(f"{text}, though it is not seen to be well: its time is over")
        return said

    async def _end(
        self, router: Router, held: Held, listing: RouterListing, control: Control
    ) -> list[str]:
        look, state = control.look, control.state
        assert look is not None
        seen = look.observation.services.get(held.service)
        if seen is None or not seen.is_known:
            return []
        one = next((i for i in seen.instances if i.instance.name == held.instance), None)
        flight, remembered = state.in_flight.get(held.service), state.service(held.service)
        is_fresh = control.desk.listed_after(look.at_s - self._settings.tick_s)
        spec = self._stack.services[held.service]
        match fate(spec, held, flight, remembered, one, look.at_s, self._settings):
            case Fate.BACK if is_fresh:
                instance = None if one is None else one.instance
                return await self.bring(router, spec, instance, [held], listing, is_slow=True)
            case Fate.GONE:
                await router.remove(held.server)
                said = await router.give_back(held.server)
                return [said] if said else []
            case Fate.OVER:
                said = await router.give_back(held.server)
                return [f"{said}, though {held.instance} is not well: its time is over"]
        return []

    async def bring(
        self,
        router: Router,
        spec: ServiceSpec,
        instance: Instance | None,
        held: Sequence[Held],
        listing: RouterListing,
        *,
        is_slow: bool,
    ) -> list[str]:
        """Back in, led to where the instance is now."""
        said: list[str] = []
        for one in held:
            server = next((s for s in listing.servers if s.name == one.server), None)
            if server is None:
                await router.give_back(one.server)
                continue
            is_there = instance is not None and await self._lead(
                router, spec, instance, server, listing
            )
            others = [s for s in listing.servers if s.name.group == server.name.group and s.takes]
            if is_slow and is_there and others and self._settings.slow_start_s > 0:
                await self._begin_slowly(router, one, server)
            text = await router.ready(one.server, is_proven=is_there)
            said.append(f"{spec.name}: {text}")
        return said

    async def _lead(
        self,
        router: Router,
        spec: ServiceSpec,
        instance: Instance,
        server: RoutedServer,
        listing: RouterListing,
    ) -> bool:
        """Does the server lead to the instance, or can it be made to? Where another one of its
        group does already, as after a name was looked up anew, this one is not the instance's."""
        if leads_to(spec, instance, server):
            return True
        group = [s for s in listing.servers if s.name.group == server.name.group]
        if any(leads_to(spec, instance, other) for other in group):
            return False
        port = self._port(spec, instance, server)
        if Skill.MOVE not in router.manifest.skills or not port:
            return False
        await router.move(server.name, instance.address or LOOPBACK[0], port)
        return True

    def _port(self, spec: ServiceSpec, instance: Instance, server: RoutedServer) -> int:
        declared = spec.route.port if spec.route is not None else 0
        return declared or instance.port or server.port

    async def _begin_slowly(self, router: Router, held: Held, server: RoutedServer) -> None:
        if Skill.WEIGH in router.manifest.skills and server.weight >= WEIGHT_LEAST:
            await router.weigh(replace(held, weight_before=server.weight), LEVELS[0])
            self._fresh[server.name] = self._clock.now()

    # --- shares ---------------------------------------------------------------------------------

    def _seen(self, spec: ServiceSpec, control: Control) -> Mapping[str, InstanceObservation]:
        look = control.look
        seen = None if look is None else look.observation.services.get(spec.name)
        if seen is None or not seen.is_known:
            return {}
        return {one.instance.name: one for one in seen.instances}

    async def _newcomers(
        self,
        router: Router,
        spec: ServiceSpec,
        listing: RouterListing,
        held: Sequence[Held],
        control: Control,
    ) -> list[str]:
        """Instances that the router does not know get a server, where it does not find them by
        itself; of a service that was scaled by us, or that we may scale."""
        seen = self._seen(spec, control)
        instances = [one.instance for one in seen.values()]
        routed = servers_of(spec, instances, listing, held)
        unknown = [one for name, one in seen.items() if name not in routed]
        group, like = group_of(spec, routed)
        if like is None or like.host_name or not unknown or _is_touched(spec, control):
            return []
        if Skill.ADD not in router.manifest.skills or not self._may_add(spec, control):
            return []
        now_s, said = control.clock.now(), list[str]()
        for one in unknown[:NEW_MOST]:
            port = self._port(spec, one.instance, like)
            if not is_well(spec, one, now_s, self._settings) or not port:
                if port and self._may_come(spec, one, now_s):
                    self._awaited |= {spec.name}
                continue
            address = one.instance.address or LOOPBACK[0]
            try:
                made = await router.add(like, added_name(one.instance), address, port)
                note = Held(made, spec.name, one.instance.name, now_s, None, like.weight_declared)
                if self._settings.slow_start_s > 0:
                    await self._begin_slowly(router, note, replace(like, name=made))
                await router.ready(made, is_proven=True)
                said.append(f"{spec.name}: {one.instance.name} is {made} in {group} now")
                self._refused.pop(one.instance.name, None)
            except GiveUp as error:
                if self._refused.get(one.instance.name) != str(error):
                    said.append(f"{spec.name}: {error}")
                self._refused[one.instance.name] = str(error)
        return said

    def _may_come(self, spec: ServiceSpec, seen: InstanceObservation, now_s: float) -> bool:
        """Is it young enough to be starting still?"""
        if seen.instance.state is not InstanceState.RUNNING:
            return False
        return now_s - seen.instance.started_at_s < comes_up_most_s(spec, self._settings)

    def _may_add(self, spec: ServiceSpec, control: Control) -> bool:
        if control.state.service(spec.name).instances_wanted:
            return self.may(spec, control)
        return self.is_auto(spec, ActionKind.SCALE_OUT, control)

    def is_auto(self, spec: ServiceSpec, kind: ActionKind, control: Control) -> bool:
        """May the router be told something by our own initiative, for this service?"""
        if control.look is None or not self.may(spec, control):
            return False
        seen = control.look.observation
        return mode_in_force(self._stack, seen, spec.name, kind) is Mode.AUTO

    def may(self, spec: ServiceSpec, control: Control) -> bool:
        """May it be told anything at all for this service, whatever the mode?"""
        look = control.look
        if look is None or control.cannot_act() or control.state.monitor_fault:
            return False
        seen, now_s = look.observation, control.clock.now()
        frozen = freezes_in_force(self._stack, control.state, seen, now_s)
        return not any(freeze.scope in ("", spec.name) for freeze in frozen)

    async def _steer(
        self,
        router: Router,
        spec: ServiceSpec,
        listing: RouterListing,
        held: Sequence[Held],
        control: Control,
    ) -> None:
        seen = self._seen(spec, control)
        routed = servers_of(spec, [one.instance for one in seen.values()], listing, held)
        notes = {one.server: one for one in held}
        if Skill.WEIGH not in router.manifest.skills or not routed:
            return
        is_steered = (
            self._settings.router_weights_enabled
            and len(routed) > 1
            and self.is_auto(spec, ActionKind.GRACEFUL_RESTART, control)
        )
        wanted: Mapping[str, float] = {}
        if is_steered:
            scores = {name: score_of(seen[name]) for name in routed if name in seen}
            now = {name: _share(routed[name][0], notes) for name in routed}
            wanted = shares(scores, now)
        for name, servers in routed.items():
            for server in servers:
                await self._give(router, server, notes, spec, name, wanted.get(name, FULL))

    async def _give(
        self,
        router: Router,
        server: RoutedServer,
        notes: Mapping[ServerName, Held],
        spec: ServiceSpec,
        instance: str,
        wanted: float,
    ) -> None:
        """This share of what it has by itself, no more than its slow start lets it have."""
        now_s, known = self._clock.now(), notes.get(server.name)
        before = known.weight_before if known is not None else server.weight
        before = before if is_known(before) else server.weight
        if server.order is not Order.READY or before < WEIGHT_LEAST:
            return
        begun_s = self._fresh.get(server.name)
        if begun_s is not None:
            most = slow_start(now_s - begun_s, self._settings.slow_start_s)
            if most == FULL:
                del self._fresh[server.name]
            wanted = min(wanted, most)
        if wanted == FULL:
            if known is not None and known.order is None:
                await router.give_back(server.name, is_proven=True)
            return
        if wanted == _share(server, notes):
            return
        until_s = now_s + self._settings.router_hold_most_s
        await router.weigh(Held(server.name, spec.name, instance, until_s, None, before), wanted)


def _is_touched(spec: ServiceSpec, control: Control) -> bool:
    """Is something under way that may take away who seems to have come? Who was added stays unless
    it is taken back, and then it is drained first."""
    flight = control.state.in_flight.get(spec.name)
    return flight is not None and flight.step.kind is not ActionKind.SCALE_OUT


def _share(server: RoutedServer, notes: Mapping[ServerName, Held]) -> float:
    """What it has now of what it had by itself; the nearest level, since weights are whole."""
    known = notes.get(server.name)
    if known is None or not known.weight_before > 0:
        return FULL
    share = server.weight / known.weight_before
    return min(LEVELS, key=lambda level: abs(level - share))
