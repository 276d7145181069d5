"""Control: one task per stack, which alone writes that stack's state.

Flows in: ports, the stack, settings. It waits for the tick, an event or the moment at which an
answer changes by itself, and then looks (`cycle.look_once`). The API and the CLI talk to it through
`request`; everything else is read-only attributes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from everup.dependency_monitor import Closures, build_graph
from everup.loop import approvals, comparing, why_not, wishes
from everup.loop.accounting import Accounting
from everup.loop.aside import KeepAside
from everup.loop.book import Book
from everup.loop.breakers import Breakers
from everup.loop.busy import BusyAsker
from everup.loop.clock_set_back import not_after
from everup.loop.context import gate_context
from everup.loop.control_views import ControlViews
from everup.loop.counts import Counts
from everup.loop.cycle import look_once
from everup.loop.debts import Debts, release
from everup.loop.desk import Desk
from everup.loop.desk_of_wishes import DeskOfWishes
from everup.loop.edges import Edges
from everup.loop.foresight import Foresight
from everup.loop.gather import OwnFiles
from everup.loop.loads import Loads
from everup.loop.look import Decision, Look
from everup.loop.mishaps import LOOK, Mishaps
from everup.loop.mitigations import Containment
from everup.loop.models import Models, refusing, serving
from everup.loop.no_shelf import NoShelf
from everup.loop.owed_starts import OwedStarts
from everup.loop.ports import (
    Clock,
    HostSense,
    Ids,
    Journal,
    Prober,
    QueueSense,
    Random,
    Router,
    Runtime,
    Shelf,
)
from everup.loop.probation import Probations
from everup.loop.proven import Proven
from everup.loop.restores import RestoreAnswer, Restores, RestoreWish
from everup.loop.rooms import Beside, Rooms
from everup.loop.safe_points import SafePoints
from everup.loop.sampling import Samplers, raise_first_of
from everup.loop.settle import ENDS_AND_STARTS, is_led
from everup.loop.shown import ShownToPeople
from everup.loop.snapshots import Snapshots
from everup.loop.standing_in import as_it_leads, standing_in
from everup.loop.still import held_back
from everup.loop.traffic import Traffic
from everup.loop.tuning import Tuning
from everup.loop.under_way import UnderWay
from everup.loop.upkeep import Upkeep
from everup.model.breaker import BreakerAnswer, CallOutcome, EdgeName
from everup.model.comparison import Change
from everup.model.decision import Verdict
from everup.model.entries import (
    ControllerStarted,
    ControllerStopped,
    Entry,
    Finished,
    Intended,
    MonitorFaultSeen,
    Verified,
)
from everup.model.explanation import KindAnswer
from everup.model.kinds import ONLY_TOLD, UNKNOWN, ActionKind, Cause, Purpose, is_known
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.restore import NothingToDo, RestorePlan, RestoreRefusal, RestoreTarget
from everup.model.safe_point import of_number_alone
from everup.model.settings import Settings
from everup.model.snapshot import Snapshot
from everup.model.stack import Stack
from everup.model.state import InFlight, Memory, Phase, StackState

ANSWERS_KEPT = 1000
SHORTEST_WAIT_S = 0.01
ON_RUNNING = frozenset(Cause) - {
    *(Cause.CRASH, Cause.CRASH_LOOP, Cause.STOPPED_ON_PURPOSE, Cause.RECOVERING, Cause.REQUESTED),
    Cause.DISK_FULL,  # nothing is ended for it
    *ONLY_TOLD,
}


class Control(ControlViews):
    """The loop of one stack."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        runtime: Runtime,
        prober: Prober,
        host: HostSense,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        random: Random | None = None,
        *,
        rooms: Rooms | None = None,
        shelf: Shelf | None = None,
        own_files: OwnFiles | None = None,
        router: Router | None = None,
        queues: QueueSense | None = None,
        holder: str = "everup",
        version: str = "",
        boot_id: str = "",
        wall_ahead_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.stack, self.settings, self.runtime = stack, settings, runtime
        self.led_stack = stack
        self.journal, self.clock, self.ids = journal, clock, ids
        self.prober = prober
        self.graph = build_graph(stack)
        self.hard_closure = Closures(self.graph)
        self._stands: dict[str, str] = {}
        self.memory = Memory()
        self.look: Look | None = None
        self.desk, self.proven = Desk(stack, settings), Proven(stack)
        self.desk_of_wishes, self.owed_starts = DeskOfWishes(), OwedStarts()
        self.unsettled: dict[str, float] = {}
        self._inherited: set[str] = set()
        self.answered: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        self._book = Book(journal, settings, ids)
        self.wall_ahead_s = wall_ahead_s
        self.beside = Beside(rooms or Rooms(), stack, settings, clock)
        self._upkeep, self._last_look_s = Upkeep(), UNKNOWN
        self.foresight, self.accounting = Foresight(), Accounting(stack, settings)
        self.tuning = Tuning(self, settings)
        self.counts_seen, self.edges = Counts(), Edges(runtime)
        self.probations, self.shown = Probations(), ShownToPeople()
        self.models = Models(self, serving(self), refusing(self))
        shelf = shelf or NoShelf()
        self.snapshots = Snapshots(self, shelf, own_files)
        self.safe_points = SafePoints(shelf, self.snapshots.captured)
        self.restores = Restores(self.snapshots)
        held = partial(held_back, self)
        self.traffic = Traffic(router, stack, settings, clock, runtime, self.desk, held)
        self.breakers, self.mitigations = Breakers(stack, settings, clock, ids), Containment()
        self._holder, self._version, self._boot_id = holder, version, boot_id
        self._wake_up = asyncio.Event()
        self._under_way = UnderWay(KeepAside(runtime.manifest))
        self._close: frozenset[str] = frozenset()
        self._close_in = self._book.state
        self.mishaps, self._debts = Mishaps(settings.tick_s), Debts()
        self.loads = Loads(
            *(stack, settings, clock, self.desk, self.traffic, queues, self.mishaps),
            self.beside.rooms.log,
        )
        self.samplers = Samplers(
            *(stack, settings, runtime, prober, host, clock, self.desk),
            self.wake,
            self.is_close,
            self.is_settled,
            self.is_tried,
            self.mishaps,
        )

    @property
    def state(self) -> StackState:
        """The fold of the journal."""
        return self._book.state

    async def open(self, *, gives_back: bool = True) -> None:
        """Take the journal; intents without outcome wait for the first look to be settled.
        `gives_back`: what an earlier life holds, unless this one goes on where it ended."""
        await self._book.open(self.stack.name, self._holder)
        self._book.state = not_after(self.state, self.clock.now())
        self.breakers.remember(self.state)
        for flight in self.state.in_flight.values():
            if flight.phase is Phase.ACTING:
                self.unsettled[flight.action_id] = self.clock.now()
                self._inherited.add(flight.action_id)
        known, hold_s = self.state.boot_id, self.settings.first_hold_s
        if known and self._boot_id and known != self._boot_id:
            hold_s = max(hold_s, self.settings.startup_hold_s)  # the host is up again: others first
        if hold_s:
            self.memory = Memory(hold_until_s=self.clock.now() + hold_s)
        await self.write(
            [ControllerStarted(self.clock.now(), self._version, self.stack.digest, self._boot_id)]
        )
        if gives_back:
            await self._debts.settle(self)

    async def run(self) -> None:
        """Look until cancelled. Actions under way end with it; the next start settles them."""
        sampling = asyncio.create_task(self._sense())
        sampling.add_done_callback(lambda _: self.wake("samplers ended"))
        try:
            while True:
                await self._wait()
                if sampling.done():
                    raise_first_of(sampling)
                self._wake_up.clear()
                await self._look()
        finally:
            sampling.cancel()
            await self._upkeep.close()
            await self.restores.close()
            await self.safe_points.close()
            await self.probations.close()
            await self.snapshots.close()
            await self.shown.close()
            await self.edges.close()
            await self.models.close()
            await self.traffic.stop()
            await asyncio.gather(sampling, *self._under_way.cancel(), return_exceptions=True)

    async def _look(self) -> None:
        """One look. One that fails is said and not acted upon, nor is the next one; then it is
        over.

        Raises:
            TooManyMishaps: it has failed over and over.
        """
        try:
            await self._book.flush()
            self.look = await look_once(self)
            await self.beside.after_look(self)
            self._upkeep.after_look(self)
            self.safe_points.after_look(self)
            self.snapshots.after_look()
            self.traffic.after_look(self)
            self.edges.after_look(self)
            self.models.after_look()
        except Exception as error:  # noqa: BLE001 - a flaw of ours must not end the healer
            now_s = self.clock.now()
            mishap = self.mishaps.happened(LOOK, error, now_s, stops_acting=True)
            if not self.state.monitor_fault:
                await self.write([MonitorFaultSeen(now_s, mishap.text, "a look passes")])
            return
        self._last_look_s = self.clock.now()
        if self.mishaps.over(LOOK):
            self.wake("a look has passed")

    async def _sense(self) -> None:
        """Everything that looks by itself; an unexpected error in one ends them all, loudly."""
        asker = BusyAsker(
            *(self.stack, self.settings, self.runtime, self.prober, self.clock, self.desk),
            self.wants_busy,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._debts.keep_settling(self))
            group.create_task(self.samplers.run())
            group.create_task(asker.run())
            group.create_task(self.breakers.run(self))
            group.create_task(self.loads.run())

    def wants_busy(self, service: str) -> bool:
        """Is it worth asking whether it is busy: is it found to be sick, while it runs?"""
        found = None if self.look is None else self.look.assessment.relations.findings.get(service)
        return found is not None and found.is_confirmed and found.cause in ON_RUNNING

    async def _wait(self) -> None:
        """Until the tick, an event, or the moment at which some answer changes. While something of
        our own fails, that may be any moment."""
        now_s = self.clock.now()
        if self.mishaps.is_present(LOOK, now_s):
            await self.clock.sleep(self.settings.close_sample_interval_s)  # whatever wakes us
            return
        is_failing = bool(self._book.fault or self.mishaps.present(now_s))
        if self.look is None and not is_failing:
            await self._wake_up.wait()
            return
        due_s = now_s + self.settings.tick_s
        again_s = self.look.again_at_s if self.look is not None else UNKNOWN
        if is_failing:
            due_s = now_s + self.settings.close_sample_interval_s
        if is_known(again_s):
            due_s = min(due_s, max(again_s, now_s + SHORTEST_WAIT_S))
        sleeper = asyncio.ensure_future(self.clock.sleep(due_s - now_s))
        waiter = asyncio.ensure_future(self._wake_up.wait())
        try:
            await asyncio.wait({sleeper, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waiter.cancel()

    def wake(self, reason: str) -> None:
        """Look at once; reasons coalesce."""
        self._wake_up.set()

    def is_close(self, service: str) -> bool:
        """Does this service deserve samples every second: in flight, an open incident, or changed
        a while ago?"""
        state = self.state
        if state is not self._close_in:
            self._close_in = state
            tried = (n for n, known in state.services.items() if known.probation is not None)
            self._close = frozenset((*state.in_flight, *state.by_root(), *tried))
        return service in self._close

    def is_tried(self, service: str) -> bool:
        """Is a new version of it on probation, and nothing being done with it?"""
        state = self.state
        return service not in state.in_flight and state.service(service).probation is not None

    def is_settled(self, service: str) -> bool:
        """Is its trouble with a person, somebody's wish, or so old that nothing will come of it?"""
        remembered = self.state.service(service)
        if remembered.waits_for_a_person or remembered.purpose is Purpose.STOPPED:
            return True
        if self.stack.services[service].is_one_shot:
            return True
        bad_s = self.clock.now() - self.memory.service(service).bad_since_s
        return bad_s > self.settings.start_period_unknown_s + self.settings.verify_deadline_s

    async def request(self, request: Request) -> Answer:
        """A person's wish: spoken into the journal at once, done by the next look."""
        if request.verb in (Verb.APPROVE, Verb.REJECT):
            return await approvals.hear(self, request)
        if no := wishes.refusal(self, request) or wishes.not_frozen(self, request):
            return no
        said = wishes.spoken(request, self.clock.now())
        if said:
            await self.write(said)
        if request.verb is Verb.RELEASE:
            return await release(self, request)
        if request.verb in (Verb.FREEZE, Verb.UNFREEZE):
            self.wake("freeze")
            return Answer(AnswerState.DONE, f"{request.verb} {request.service or 'the stack'}")
        if is_so := wishes.is_so_already(self, request):
            return is_so
        promise = self.desk_of_wishes.put(request)
        self.wake("request")
        return await asyncio.wait_for(promise, self.settings.request_lives_s)

    def follow_up(self, service: str, action_id: str) -> None:
        """A person's `restart` climbs once when its gentle form failed."""
        self._under_way.aside.not_proven(service, action_id)
        flight = self.state.in_flight.get(service)
        if flight is None or flight.action_id != action_id:
            return
        following = flight.step.parameters.get("then")
        if following is not None:
            kind = ActionKind(str(following))
            reason = f"{flight.step.kind} {action_id} did not help"
            self.desk_of_wishes.put_own(
                Request(
                    Verb.HEAL,
                    by=flight.by,
                    service=service,
                    kind=kind,
                    reason=reason,
                    is_follow_up=True,
                )
            )

    def follow_names(self) -> None:
        """Needs lead to where the names lead, also after a failover."""
        stands = standing_in(self.state)
        if stands != self._stands:
            self._stands = stands
            self.led_stack = as_it_leads(self.stack, stands)
            self.graph = build_graph(self.led_stack)
            self.hard_closure = Closures(self.graph)

    def set_back(self, now_s: float) -> None:
        """The clock went back: no wait is longer for it."""
        self._book.state = not_after(self.state, now_s)

    def take_inherited(self, action_id: str) -> bool:
        """Did an earlier Everup begin it and not live to see its end? True once."""
        was_inherited = action_id in self._inherited
        self._inherited.discard(action_id)
        return was_inherited

    def carry_on(self, flight: InFlight) -> None:
        """What an earlier Everup took down and did not live to start again is started, in whatever
        mode: it is down by our own hand."""
        service = flight.step.target
        if is_led(self.state, flight):
            return  # the restore goes on with it, or back
        if of_number_alone(flight.step.parameters):
            return  # nothing was taken down that is to run
        if flight.step.kind in ENDS_AND_STARTS and self.state.service(service).is_wanted:
            reason = f"{flight.step.kind} {flight.action_id} was interrupted half-way"
            wish = Request(Verb.START, by="everup up", service=service, reason=reason)
            self.owed_starts.put(wish, self.clock.now())
            self.wake("interrupted half-way")

    async def write(self, entries: list[Entry]) -> None:
        """Into the journal and into the state."""
        self.snapshots.heard(entries)
        await self._book.write(entries)
        self.beside.log(entries)

    async def write_intent(self, intent: Intended, ending: Verified | None = None) -> bool:
        """True when it stands in the journal, together with the end of what it supersedes."""
        if await self._book.write_intent(intent, ending):
            self.beside.log((intent,) if ending is None else (ending, intent))
            return True
        for flight in self.state.in_flight.values():
            if flight.phase is Phase.ACTING and not self._under_way.has(flight.step.target):
                self.unsettled.setdefault(flight.action_id, self.clock.now())
        return False

    def perform(self, intent: Intended) -> None:
        """One task per service; its end calls for a look."""
        self._under_way.begin(self, intent)

    def take_finished(self) -> list[Finished]:
        """Ended actions since the last look."""
        return self._under_way.take_finished()

    def remember_answer(self, key: str, said: tuple[str, str, str]) -> None:
        """Bounded memory of the gate's latest answers."""
        self.answered[key] = said
        self.answered.move_to_end(key)
        while len(self.answered) > ANSWERS_KEPT:
            self.answered.popitem(last=False)

    def kinds(self, service: str) -> tuple[KindAnswer, ...]:
        """May each kind of action be done to it now, and why not; empty before the first look."""
        look = self.look
        if look is None:
            return ()
        decision = next((d for d in look.decisions if d.service == service), None)
        spec, manifest = self.stack.services[service], self.runtime.manifest
        size = self.scaler.wish(look, service)
        context = gate_context(self, look)
        return why_not.answers(why_not.Question(spec, context, decision, manifest, size))

    def but_for_the_mode(self, decision: Decision) -> Verdict | None:
        """What the gate would say to it in mode auto; None where the mode forbids nothing."""
        if self.look is None:
            return None
        return why_not.but_for_the_mode(decision, gate_context(self, self.look))

    async def compare(self, service: str, version: str = "") -> tuple[str, Sequence[str]]:
        """What it would go back to, and what would differ then. Raises GiveUp: why it cannot."""
        return await self.safe_points.compare(self, service, version)

    async def plan_restore(
        self, target: RestoreTarget
    ) -> RestorePlan | NothingToDo | tuple[RestoreRefusal, ...]:
        """What going back together would do; nothing is touched."""
        return await self.restores.plan(self, target)

    async def restore(self, wish: RestoreWish) -> RestoreAnswer:
        """Begin it, if nothing stands against it."""
        return await self.restores.begin(self, wish)

    async def undo_restore(self, restore_id: str, by: str, reason: str) -> Answer:
        """Have the one that is under way put back what it has changed."""
        return await self.restores.turn_back(self, restore_id, by, reason)

    async def snapshot(self, snapshot_id: str) -> Snapshot | None:
        """The snapshot with this id."""
        return await self.restores.snapshot(snapshot_id)

    async def compare_snapshots(self, first: str, second: str) -> Sequence[Change]:
        """What changed from one snapshot to another, or to `now`. Raises GiveUp, TryAgain."""
        return await comparing.compare(self, first, second)

    async def ask_breaker(self, edge: EdgeName) -> BreakerAnswer:
        """May it be called now? Raises KeyError where it carries no breaker; so do the next two."""
        return await self.breakers.ask(self, edge)

    async def tell_breaker(
        self, edge: EdgeName, outcomes: Sequence[CallOutcome], trial: str
    ) -> BreakerAnswer:
        """How calls ended, or with `trial` how that one did."""
        return await self.breakers.hear(self, edge, outcomes, trial)

    async def close_breaker(self, edge: EdgeName, by: str, reason: str) -> BreakerAnswer:
        """A person says that it is well."""
        return await self.breakers.close(self, edge, by, reason)

    async def close(self, *, stop_services: bool = False, gives_back: bool = True) -> None:
        """Say goodbye in the journal and let go of the world. `gives_back`: what is held, unless
        the next life begins at once and holds it on."""
        if gives_back or self._debts.is_owed:
            await self._debts.settle(self, wakes=not stop_services)
        now_s = self.clock.now()
        await self.write([ControllerStopped(now_s, "asked to", stops_services=stop_services)])
        await self.beside.close()
        await self.traffic.close()
        await self.runtime.close(stop_services=stop_services)
        await self.journal.close()
