"""Traffic of an edge whose breaker is open is turned away by the router, at once instead of late.

Flows in: breakers, the router's listing, what is held. Flows out: orders to the router, each with a
lease and noted before it is given, as all of `traffic`; what the router counted of the edges'
calls. Called by `traffic`, one pass at a time; level-triggered like its other passes.

Only an edge that has a group of servers of its own (`router:` of the dependency) is turned away:
taking the target's common group would cut off those who can reach it. In another mode than auto
nothing is turned away but what a mitigation opened, which the gate allowed; while anything is
frozen, nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from everup.dependency_monitor.answering import can_be_asked
from everup.loop.breakers import Breakers
from everup.loop.ports import Router
from everup.loop.routes import servers_of
from everup.loop.traffic_back import Bringer
from everup.model.breaker import BreakerState, EdgeName, TurnedBy
from everup.model.kinds import ActionKind
from everup.model.routing import Held, Order, RoutedServer, RouterListing, ServerName
from everup.model.settings import Settings
from everup.model.stack import Dependency, Stack

if TYPE_CHECKING:
    from everup.loop.control import Control

NOT_AUTO = "the mode of {service} is not auto, or something is frozen or not seen"
NO_GROUP = "the router has no servers in {group}"
SHARED = "{group} is named by {others} too, which would be cut off with it"
NOT_OURS = "somebody else has ended it for this opening"


@dataclass
class Breaking:
    """What it remembers is lost with it: then it counts anew."""

    stack: Stack
    settings: Settings
    bringer: Bringer
    _counted: dict[ServerName, tuple[str, float, float]] = field(default_factory=dict)
    _let_go: dict[EdgeName, int] = field(default_factory=dict)  # edge → its openings then
    _states: dict[EdgeName, BreakerState] = field(default_factory=dict)
    _passed_at_s: float = float("-inf")

    def is_due(self, breakers: Breakers, now_s: float) -> bool:
        """At once where one has turned, or is not closed, or probes fail: whether calls pass
        meanwhile outdoes them, so it has to be known. Else as often as instances are read."""
        states = {edge: breakers.of(edge).state for edge in self._edges(breakers)}
        if not states:
            return False
        if states != self._states or any(s is not BreakerState.CLOSED for s in states.values()):
            return True
        if any(edge in breakers.failing for edge in states):
            return True
        return now_s - self._passed_at_s >= self.settings.sample_interval_s

    def _edges(self, breakers: Breakers) -> Mapping[EdgeName, Dependency]:
        return {name: edge for name, edge in breakers.edges.items() if edge.router_group}

    def let_go(self, breakers: Breakers, service: str) -> None:
        """A person wants nothing held: not in this opening again. "": of all."""
        for name in self._edges(breakers):
            if service in ("", name.target):
                self._let_go[name] = breakers.of(name).turn.openings

    async def after_turns(
        self, router: Router, listing: RouterListing, held: Sequence[Held], control: Control
    ) -> list[str]:
        """One pass; what is worth saying."""
        breakers, said = control.breakers, list[str]()
        since_s, self._passed_at_s = self._passed_at_s, control.clock.now()
        there = {server.name for server in listing.servers}
        self._counted = {name: row for name, row in self._counted.items() if name in there}
        for name, edge in self._edges(breakers).items():
            servers = [s for s in listing.servers if s.name.group == edge.router_group]
            passed, failed = self._count(servers, listing.life)
            await breakers.count(control, name, passed, failed, since_s)
            self._states[name] = breakers.of(name).state
            ours = [one for one in held if one.because == str(name)]
            why_not = self._why_not(name, edge, servers, control)
            if why_not is None:
                others = {one.server for one in held if one.because != str(name) and one.order}
                said += await self._hold(router, name, servers, ours, others, listing, control)
            else:
                said += await self._give(router, name, ours, control)
            is_held = any(o.because == str(name) for o in await router.held())
            _set(breakers, name, is_held=is_held, why_not=why_not or "")
        return said

    def _why_not(
        self,
        name: EdgeName,
        edge: Dependency,
        servers: Sequence[RoutedServer],
        control: Control,
    ) -> str | None:
        """Why its traffic is not to be turned away now; None: it is. "": its breaker lets it be."""
        breaker = control.breakers.of(name)
        state, openings = breaker.state, breaker.turn.openings
        if state is BreakerState.CLOSED:
            self._let_go.pop(name, None)
            return ""
        spec = self.stack.services[name.target]
        if state is BreakerState.HALF_OPEN and not can_be_asked(spec):
            return ""  # its requests are the trial
        if not servers:
            return NO_GROUP.format(group=edge.router_group)
        if others := self._who_else(name, edge.router_group):
            return SHARED.format(group=edge.router_group, others=", ".join(others))
        kind = ActionKind.GRACEFUL_RESTART
        caller = self.stack.services[name.service]
        is_gated = breaker.turn.turned_by is TurnedBy.MITIGATION  # and was allowed there
        may = self.bringer.may(caller, control)
        if not may or not (is_gated or self.bringer.is_auto(caller, kind, control)):
            return NOT_AUTO.format(service=name.service)
        return NOT_OURS if self._let_go.get(name) == openings else None

    def _who_else(self, name: EdgeName, group: str) -> list[str]:
        """Other edges whose way this group is by declaration, and services that are behind it."""
        edges = [
            EdgeName(service, edge.target)
            for service, spec in self.stack.services.items()
            for edge in spec.depends_on
            if edge.router_group == group
        ]
        behind = [
            service
            for service, spec in self.stack.services.items()
            if spec.route is not None and spec.route.group == group
        ]
        return [*(str(edge) for edge in edges if edge != name), *behind]

    async def _hold(
        self,
        router: Router,
        name: EdgeName,
        servers: Sequence[RoutedServer],
        ours: Sequence[Held],
        others: set[ServerName],
        listing: RouterListing,
        control: Control,
    ) -> list[str]:
        now_s, said = control.clock.now(), list[str]()
        noted = {one.server: one for one in ours}
        fresh = [s for s in servers if s.order is Order.READY and s.name not in others]
        lost = [s for s in fresh if s.name in noted and noted[s.name].life == listing.life]
        if lost or any(now_s >= one.until_s for one in ours):
            why = "somebody else has it take requests" if lost else "its time is over"
            self._let_go[name] = control.breakers.of(name).turn.openings
            for server in lost:
                await router.forget(server.name)
            left = [one for one in ours if one.server not in {s.name for s in lost}]
            await self._give(router, name, left, control)
            return [f"{name}: its traffic is turned away no more: {why}"]
        instances = self._instances(name.target, listing, control)
        until_s = now_s + self.settings.router_hold_most_s
        for server in fresh:
            note = Held(
                server.name,
                name.target,
                instances.get(server.name, ""),
                until_s,
                Order.OUT,
                because=str(name),
            )
            await router.hold(note)
        if fresh and not ours:
            said.append(
                f"{name}: its traffic is turned away: {control.breakers.of(name).turn.reason}"
            )
        return said

    async def _give(
        self, router: Router, name: EdgeName, ours: Sequence[Held], control: Control
    ) -> list[str]:
        is_proven = control.breakers.of(name).state is BreakerState.CLOSED
        for one in ours:
            await router.give_back(one.server, is_proven=is_proven)
        return [f"{name}: its traffic passes again"] if ours else []

    def _instances(
        self, target: str, listing: RouterListing, control: Control
    ) -> Mapping[ServerName, str]:
        seen = None if control.look is None else control.look.observation.services.get(target)
        spec = self.stack.services[target]
        instances = [] if seen is None else [one.instance for one in seen.instances]
        found = servers_of(spec, instances, listing)
        return {server.name: name for name, servers in found.items() for server in servers}

    def _count(self, servers: Sequence[RoutedServer], life: str) -> tuple[int, int]:
        """(Requests that passed, that failed) since the last pass; none where the router began anew
        or says nothing."""
        passed, failed = 0.0, 0.0
        for server in servers:
            if (now := server.served) is None:
                continue
            before = self._counted.get(server.name)
            self._counted[server.name] = (life, now.requests, now.failures)
            if before is None or before[0] != life or now.requests < before[1]:
                continue
            bad = min(max(now.failures - before[2], 0.0), now.requests - before[1])
            failed += bad
            passed += now.requests - before[1] - bad
        return int(passed), int(failed)


def _set(breakers: Breakers, name: EdgeName, *, is_held: bool, why_not: str) -> None:
    if is_held:
        breakers.enforced.add(name)
    else:
        breakers.enforced.discard(name)
    if why_not:
        breakers.not_enforced[name] = why_not
    else:
        breakers.not_enforced.pop(name, None)
