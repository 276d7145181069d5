"""Traffic kept away from whoever is acted upon, and brought back once it is well. The one place
that speaks to the router.

Flows in: an action about to be carried out; completed looks. Flows out: orders to the router, each
with a lease, noted before it is given. Asked by `perform` (`around`), by `control` after each look,
which never waits for it, and by whoever gives back what is held (`debts`).

    drain → its sessions have ended, or their time is over → out → the action → verified → ready

Where the router does not answer, or nobody else would be left to take requests, the action is done
as without a router, and that is said. In a stack without a router nothing here does anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from everup.loop import traffic_places as places
from everup.loop import traffic_plan as plan
from everup.loop.calls import CallRows
from everup.loop.desk import Desk
from everup.loop.look import Look
from everup.loop.perform import NotBegun
from everup.loop.ports import Clock, Router, Runtime
from everup.loop.rooms import RouterCounts
from everup.loop.routes import Candidates, is_needed, servers_of
from everup.loop.traffic_back import Bringer
from everup.loop.traffic_break import Breaking
from everup.model.decision import Step
from everup.model.entries import Intended
from everup.model.errors import EverupError, GiveUp, StillHeld
from everup.model.evidence import ROUTED
from everup.model.kinds import ActionKind, InstanceState, is_known
from everup.model.mitigation import SHED_FOR
from everup.model.observation import Instance, Observation
from everup.model.routing import Held, Order, RoutedServer, RouterListing
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack

if TYPE_CHECKING:
    from everup.loop.control import Control

POLL_S = 0.2
LISTED_WITHIN_S = 5.0
ALONE_WITHIN_S = 3.0

Act = Callable[[Intended], Awaitable[list[str]]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """The instances of a service and their servers, at one moment."""

    instances: Sequence[Instance]
    servers: Mapping[str, tuple[RoutedServer, ...]]
    listing: RouterListing


class Traffic:
    """One stack's router, or none."""

    def __init__(
        self,
        router: Router | None,
        stack: Stack,
        settings: Settings,
        clock: Clock,
        runtime: Runtime,
        desk: Desk,
        why_not: Callable[[Intended], str] = lambda _: "",
    ) -> None:
        """`why_not`: what stands by now against an action that was allowed; "": nothing."""
        self._why_not = why_not
        self._router, self._stack, self._settings = router, stack, settings
        self._clock, self._runtime, self._desk = clock, runtime, desk
        self._calls: Counter[str] = Counter()
        self._fault, self._told = "", ""
        self._bringer = Bringer(stack, settings, clock)
        self.breaking = Breaking(stack, settings, self._bringer)
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.Task[None] | None = None
        self._is_held = 0
        self._turn = asyncio.Lock()
        self.calls = CallRows(tuple(stack.services))
        self.routed: Mapping[str, frozenset[str]] = {}
        """Service → its instances that have a server, as the router was last seen."""

    # --- around an action -----------------------------------------------------------------------

    def lasts_more_s(self, spec: ServiceSpec, intent: Intended) -> float:
        """How much longer an action may take for it."""
        if self._router is None:
            return 0.0
        return plan.lasts_more_s(spec, intent, self._settings)

    async def around(self, spec: ServiceSpec, intent: Intended, act: Act) -> list[str]:
        """The action, with traffic kept away from it; what was done, in sentences. Raises what
        `act` raises, after giving back what nothing came of."""
        if self._router is None:
            return await act(intent)
        if intent.step.kind is ActionKind.SCALE_OUT:
            return await self._with_places_kept(self._router, spec, intent, act)
        if not plan.spares(spec, intent.step):
            return await act(intent)
        try:
            seen = await self._look(spec)
        except EverupError as error:
            text = f"not asked to spare it: {error}"
            plan.unless_it_can_wait(intent, text)
            return [f"{ROUTED}{text}", *await act(intent)]
        targets = plan.targets(intent.step, seen.instances, seen.servers)
        if not targets:
            return await act(intent)
        if plan.is_one_by_one(intent.step, targets):
            return await self._one_by_one(spec, intent, targets, act)
        said, held, waited_s = await self._out(spec, intent, targets, seen)
        try:
            self._still_may(intent)
            return [*said, *await act(replace(intent, at_s=intent.at_s + waited_s))]
        except plan.NOTHING_HAPPENED:
            await self._back_at_once(held)
            raise

    async def _with_places_kept(
        self, router: Router, spec: ServiceSpec, intent: Intended, act: Act
    ) -> list[str]:
        """More of them, who get requests once they are well."""
        said: list[str] = []
        kept: list[Held] = []
        try:
            seen = await self._look(spec)
            until_s = self._clock.now() + self._settings.router_hold_most_s
            kept = places.to_keep(spec, seen.servers, seen.listing, until_s)
            async with self._alone():
                for one in kept:
                    await self._call(router.hold(one))
        except EverupError as error:
            said = [f"{ROUTED}who comes may be asked before it is well: {error}"]
        try:
            return [*said, *await act(intent)]
        except plan.NOTHING_HAPPENED:
            await self._back_at_once(kept)
            raise

    async def _one_by_one(
        self, spec: ServiceSpec, intent: Intended, targets: Sequence[str], act: Act
    ) -> list[str]:
        """All of a service, so that at no moment more than one is away.

        Raises:
            GiveUp: one did not come back; the others were left as they were.
        """
        said: list[str] = []
        awake_s = 0.0
        held: list[Held]
        for number, name in enumerate(targets):
            one = replace(intent, step=_of(intent.step, name), at_s=intent.at_s + awake_s)
            began_s, held = self._clock.now(), list[Held]()
            try:
                seen = await self._look(spec)
                life = next((i.identity for i in seen.instances if i.name == name), "")
                more, held, waited_s = await self._out(spec, one, [name], seen)
                said += more
                self._still_may(intent)
                said += await act(replace(one, at_s=one.at_s + waited_s))
                await self._until_well(spec, name, life)
                said += await self._back(spec, name, held)
            except EverupError as error:
                if isinstance(error, plan.NOTHING_HAPPENED):
                    await self._back_at_once(held)
                if not number:
                    raise
                left = ", ".join(targets[number:])
                text = f"{', '.join(targets[:number])} done; then {name}: {error}; left: {left}"
                raise GiveUp(text) from error
            most_s = plan.one_takes_most_s(spec, one.step, self._settings)
            awake_s += min(self._clock.now() - began_s, most_s)
        return said

    def _still_may(self, intent: Intended) -> None:
        """Draining takes its time, and one after the other takes longer: who freezes meanwhile is
        heard before the next instance is touched.

        Raises:
            NotBegun: it is not to be touched any more.
        """
        if why := self._why_not(intent):
            raise NotBegun(why)

    async def _out(
        self, spec: ServiceSpec, intent: Intended, targets: Sequence[str], seen: Seen
    ) -> tuple[list[str], list[Held], float]:
        """(What was done, what is held now, for how long we knowingly waited)."""
        assert self._router is not None
        servers = [server for name in targets for server in seen.servers.get(name, ())]
        if group := is_needed(servers, seen.listing):
            text = f"not spared: nobody else of {group} takes requests"
            plan.unless_it_can_wait(intent, text)
            return [f"{ROUTED}{text}"], [], 0.0
        until_s = self._clock.now() + self._settings.router_hold_most_s
        held: list[Held] = []
        try:
            async with self._alone():
                noted = await self._call(self._router.held())
                held, shed = plan.to_drain(spec, targets, seen.servers, noted, until_s)
                for one in held:
                    await self._call(self._router.hold(one))
            left, waited_s = await self._drained(
                [*held, *shed], plan.drain_s(intent, servers, self._settings)
            )
            for one in held:
                async with self._alone():
                    await self._call(self._router.hold(replace(one, order=Order.OUT)))
        except EverupError as error:
            text = f"not spared for certain: {error}"
            if plan.can_wait(intent):
                await self._back_at_once(held)
            plan.unless_it_can_wait(intent, text)
            return [f"{ROUTED}{text}"], held, 0.0
        return plan.spoken([*held, *shed], left, waited_s), held, waited_s

    async def _drained(self, held: Sequence[Held], most_s: float) -> tuple[float, float]:
        """(Sessions that are left, for how long we waited, a suspend not counted). Where the router
        does not say how many there are, there may be some: NaN, after all of the time."""
        assert self._router is not None
        names = {one.server for one in held}
        waited_s, left = 0.0, 0.0
        while names:
            began_s = self._clock.now()
            listing = await self._call(self._router.list())
            left = sum(s.sessions for s in listing.servers if s.name in names)
            if left == 0.0 or waited_s >= most_s:
                break
            await self._clock.sleep(min(POLL_S, most_s))
            waited_s += min(self._clock.now() - began_s, LISTED_WITHIN_S)
        return left, waited_s

    async def _until_well(self, spec: ServiceSpec, name: str, life: str) -> None:
        most_s = plan.comes_up_most_s(spec, self._settings)
        deadline_s = self._clock.now() + most_s
        while not self._desk.is_up_again(spec.name, name, life, self._clock.now()):
            if self._clock.now() >= deadline_s:
                raise GiveUp(f"{name} does not answer after {most_s:.0f} s")
            await self._clock.sleep(min(POLL_S, most_s))

    async def _back(self, spec: ServiceSpec, name: str, held: Sequence[Held]) -> list[str]:
        """One of several, before the next one goes."""
        if not held:
            return []
        seen = await self._look(spec)
        instance = next((i for i in seen.instances if i.name == name), None)
        assert self._router is not None
        async with self._alone():
            return await self._bringer.bring(
                self._router, spec, instance, held, seen.listing, is_slow=False
            )

    async def _back_at_once(self, held: Sequence[Held]) -> None:
        assert self._router is not None
        for one in held:
            try:
                async with self._alone():
                    await self._call(self._router.give_back(one.server, is_proven=True))
            except EverupError:
                return  # the next look gives it back

    async def _look(self, spec: ServiceSpec) -> Seen:
        assert self._router is not None
        async with asyncio.timeout(LISTED_WITHIN_S):
            listing = await self._runtime.list()
        mine = [i for i in listing.instances if i.service == spec.name]
        routed = await self._call(self._router.list())
        held = await self._call(self._router.held())
        up = [i for i in mine if i.state is not InstanceState.EXITED]
        return Seen(up, servers_of(spec, mine, routed, held), routed)

    # --- mitigations ----------------------------------------------------------------------------

    async def shed(self, spec: ServiceSpec, instance: str, until_s: float) -> list[str]:
        """No new requests for this instance; others take them.

        Raises:
            GiveUp: the router does not know it, or nobody else would be left.
            TryAgain: the router does not answer.
        """
        if self._router is None:
            raise GiveUp("there is no router")
        seen = await self._look(spec)
        servers = [s for s in seen.servers.get(instance, ()) if s.order is Order.READY]
        if not servers:
            raise GiveUp(f"the router sends no requests to {instance}")
        if group := is_needed(servers, seen.listing):
            raise GiveUp(f"nobody else of {group} takes requests")
        async with self._alone():
            for server in servers:
                note = Held(
                    *(server.name, spec.name, instance, until_s, Order.DRAIN), because=SHED_FOR
                )
                await self._call(self._router.hold(note))
        return [f"{ROUTED}{instance} ({s.name}) gets no new requests" for s in servers]

    async def no_longer_shed(self, spec: ServiceSpec, instance: str) -> list[str]:
        """It gets requests again, where we kept them from it."""
        if self._router is None:
            return []
        async with self._alone():
            held = await self._call(self._router.held())
            mine = [h for h in held if h.because == SHED_FOR and h.service == spec.name]
            said = [
                await self._call(self._router.give_back(one.server))
                for one in mine
                if instance in ("", one.instance)
            ]
        return [f"{ROUTED}{text}" for text in said if text]

    @property
    def no_router(self) -> str:
        """Why nothing can be shed; "" where there is a router."""
        return "" if self._router is not None else "no router brings its requests"

    # --- after looks ----------------------------------------------------------------------------

    def after_look(self, control: Control) -> None:
        """Begin what is due; one task at a time."""
        if self._router is None or control.look is None:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(control, self._router), name="traffic")

    async def _work(self, control: Control, router: Router) -> None:
        look = control.look
        assert look is not None
        warn = control.beside.rooms.log.warning
        try:
            async with self._alone():
                said = await self._pass(control, router, look)
            for text in said:
                warn("router", text=text)
        except EverupError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a flaw here must not end the loop
            control.mishaps.happened("traffic", error, look.at_s, stops_acting=False)
        if self._fault and self._fault != self._told:
            warn("router_fault", text=self._fault)
        self._told = self._fault
        wait_s = self._bringer.next_s - self._clock.now()
        if is_known(wait_s) and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(
                self._call_for_look(control, wait_s), name="newcomers"
            )

    async def _call_for_look(self, control: Control, wait_s: float) -> None:
        """Who comes has its next share when it is time, not when something else calls."""
        await self._clock.sleep(max(wait_s, POLL_S))
        control.wake("a server that comes")

    async def _pass(self, control: Control, router: Router, look: Look) -> list[str]:
        held = await self._call(router.held())
        self._is_held = len(held)
        counts = self.calls.is_due(look.at_s, self._settings.connections_interval_s)
        if not held and not counts and not self._bringer.is_due(look.at_s):
            return []
        listing = await self._call(router.list())
        self.routed = _routed(self._stack, look.observation, listing, held)
        if counts:
            self.calls.take(look.at_s, self._stack, look.observation, listing, held)
        return await self._bringer.after_look(router, listing, held, control)

    async def listing(self) -> tuple[RouterListing, Sequence[Held]]:
        """All servers, and what is held of them, for whoever counts.

        Raises:
            GiveUp: there is no router.
            TryAgain: it does not answer.
        """
        if self._router is None:
            raise GiveUp(self.no_router)
        listing = await self._call(self._router.list())
        return listing, await self._call(self._router.held())

    async def turn_away(self, control: Control) -> None:
        """Traffic of edges whose breaker is open, and no other any more.

        Raises:
            EverupError: the router does not answer, or refuses.
        """
        if self._router is None or not self.breaking.is_due(control.breakers, self._clock.now()):
            return
        async with self._alone():
            listing = await self._call(self._router.list())
            held = await self._call(self._router.held())
            said = await self.breaking.after_turns(self._router, listing, held, control)
        for text in said:
            control.beside.rooms.log.warning("router", text=text)

    async def release(self, service: str = "") -> tuple[dict[str, tuple[str, ...]], str]:
        """Everything back, of one service or of all (""): (what was given back, why not all)."""
        if self._router is None:
            return {}, ""
        try:
            async with asyncio.timeout(self._settings.lease_s):
                async with self._alone():
                    said = await self._call(self._router.release(service or None))
        except StillHeld as error:
            return dict(error.given), str(error)
        except (EverupError, TimeoutError) as error:
            return {}, str(error) or "the router does not answer"
        return ({service: tuple(said)} if said else {}), ""

    def counts(self) -> RouterCounts | None:
        """For the metrics; None: there is no router."""
        if self._router is None:
            return None
        return RouterCounts(
            self._calls["answered"], self._calls["failed"], self._fault, self._is_held
        )

    async def stop(self) -> None:
        """Nothing more is begun."""
        for task in (self._task, self._later):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """Let go of the router."""
        await self.stop()
        if self._router is not None:
            await self._router.close()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """What is noted does not change between reading it and acting upon it; but no action waits
        for long because the router is slow: then it goes on beside whoever speaks to it."""
        has_it = False
        with suppress(TimeoutError):
            async with asyncio.timeout(ALONE_WITHIN_S):
                has_it = await self._turn.acquire()
        try:
            yield
        finally:
            if has_it:
                self._turn.release()

    async def _call(self, asking: Awaitable[T]) -> T:
        """Counted; what failed last is said until something is answered."""
        try:
            answer = await asking
        except EverupError as error:
            self._failed(str(error))
            raise
        self._calls["answered"] += 1
        self._fault = ""
        return answer

    def _failed(self, why: str) -> None:
        self._calls["failed"] += 1
        self._fault = why


def _routed(
    stack: Stack, seen: Observation, listing: RouterListing, held: Sequence[Held]
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    candidates = Candidates(listing, held)
    for name, spec in stack.services.items():
        observed = seen.services.get(name)
        instances = [] if observed is None else [one.instance for one in observed.instances]
        if servers := candidates.servers_of(spec, instances):
            found[name] = frozenset(servers)
    return found


def _of(step: Step, instance: str) -> Step:
    """The same on one instance."""
    return replace(step, parameters={**step.parameters, "instance": instance})
