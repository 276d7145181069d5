"""Control: one task per stack, which alone writes that stack's state.

Flows in: ports, the stack, settings. It waits for the tick, an event or the moment at which an
answer changes by itself, and then looks (`cycle.look_once`). The API and the CLI talk to it through
`request`; everything else is read-only attributes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from everup.dependency_monitor import Closures, build_graph
from everup.loop import approvals, wishes
from everup.loop.book import Book
from everup.loop.cycle import look_once
from everup.loop.desk import Desk
from everup.loop.desk_of_wishes import DeskOfWishes
from everup.loop.foresight import Foresight
from everup.loop.history_ring import HistoryRing
from everup.loop.look import Look
from everup.loop.perform import perform
from everup.loop.ports import Clock, HostSense, Ids, Journal, Prober, Random, Runtime
from everup.loop.rooms import Beside, RoomCounts, Rooms
from everup.loop.sampling import Samplers
from everup.loop.settle import ENDS_AND_STARTS
from everup.model.entries import (
    ControllerStarted,
    ControllerStopped,
    Entry,
    Finished,
    Intended,
    Verified,
)
from everup.model.kinds import ActionKind, is_known
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import InFlight, Memory, Phase, StackState

ANSWERS_KEPT = 1000
EVIDENCE_KEPT = 100
SHORTEST_WAIT_S = 0.01


class Control:
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
        holder: str = "everup",
        version: str = "",
        boot_id: str = "",
    ) -> None:
        self.stack, self.settings, self.runtime = stack, settings, runtime
        self.journal, self.clock, self.ids = journal, clock, ids
        self.graph = build_graph(stack)
        self.hard_closure = Closures(self.graph)
        self.memory = Memory()
        self.look: Look | None = None
        self.desk = Desk(stack, settings)
        self.desk_of_wishes = DeskOfWishes()
        self.unsettled: dict[str, float] = {}
        self._inherited: set[str] = set()
        self.answered: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        self._book = Book(journal, settings, ids)
        self.beside = Beside(rooms or Rooms(), stack, settings, clock)
        self.foresight = Foresight()
        self._holder, self._version, self._boot_id = holder, version, boot_id
        self._wake_up = asyncio.Event()
        self._finished: list[Finished] = []
        self._during: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._last_look_s = float("nan")
        self._close: frozenset[str] = frozenset()
        self._close_in = self._book.state
        self.samplers = Samplers(
            stack, settings, runtime, prober, host, clock, self.desk, self.wake, self.is_close
        )

    @property
    def state(self) -> StackState:
        """The fold of the journal."""
        return self._book.state

    @property
    def fence(self) -> int:
        """What proves to the journal that this controller holds the stack."""
        return self._book.fence

    @property
    def journal_fault(self) -> str:
        """Why the journal cannot be written now; "" when it can."""
        return self._book.fault

    @property
    def lost_leadership(self) -> str:
        """Who holds the stack instead of us; "" while we do."""
        return self._book.lost_leadership

    @property
    def entries_shed(self) -> int:
        """Batches of entries that were dropped because too many waited for the journal."""
        return self._book.shed

    @property
    def ring(self) -> HistoryRing:
        """The recent past of every service; `assess` reads trends from it."""
        return self.beside.ring

    @property
    def counts(self) -> RoomCounts:
        """What the rooms beside the loop count."""
        return self.beside.counts()

    def cannot_act(self) -> str:
        """Why this controller may not act at all; "" when it may."""
        if self._book.lost_leadership:
            return f"another controller holds the stack: {self._book.lost_leadership}"
        if self._book.fault:
            return f"the journal cannot be written: {self._book.fault}; acting stops until it can"
        return ""

    async def open(self) -> None:
        """Take the journal; intents without outcome wait for the first look to be settled."""
        await self._book.open(self.stack.name, self._holder)
        for flight in self.state.in_flight.values():
            if flight.phase is Phase.ACTING:
                self.unsettled[flight.action_id] = self.clock.now()
                self._inherited.add(flight.action_id)
        await self.write(
            [ControllerStarted(self.clock.now(), self._version, self.stack.digest, self._boot_id)]
        )

    async def run(self) -> None:
        """Look until cancelled. Actions under way end with it; the next start settles them."""
        sampling = asyncio.create_task(self.samplers.run())
        sampling.add_done_callback(lambda _: self.wake("samplers ended"))
        try:
            while True:
                await self._wait()
                if sampling.done():
                    sampling.result()
                self._wake_up.clear()
                await self._book.flush()
                self.look = await look_once(self)
                self._last_look_s = self.clock.now()
                await self.beside.after_look(self)
        finally:
            sampling.cancel()
            for task in self._acting.values():
                task.cancel()
            await asyncio.gather(sampling, *self._acting.values(), return_exceptions=True)

    async def _wait(self) -> None:
        """Until the tick, an event, or the moment at which some answer changes."""
        if self.look is None:
            await self._wake_up.wait()
            return
        now_s = self.clock.now()
        due_s = now_s + self.settings.tick_s
        again_s = self.look.again_at_s
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
        """Does this service deserve samples every second: in flight, or an open incident?"""
        state = self.state
        if state is not self._close_in:
            self._close_in = state
            self._close = frozenset((*state.in_flight, *state.by_root()))
        return service in self._close

    async def request(self, request: Request) -> Answer:
        """A person's wish: spoken into the journal at once, done by the next look."""
        if request.verb in (Verb.APPROVE, Verb.REJECT):
            return await self._hear(request)
        if request.service and request.service not in self.stack.services:
            known = ", ".join(sorted(self.stack.services))
            text = f"no service {request.service!r} in stack {self.stack.name}; there are: {known}"
            return Answer(AnswerState.REFUSED, text, check="unknown_service")
        said = wishes.spoken(request, self.clock.now())
        if said:
            await self.write(said)
        if request.verb in (Verb.FREEZE, Verb.UNFREEZE):
            self.wake("freeze")
            return Answer(AnswerState.DONE, f"{request.verb} {request.service or 'the stack'}")
        if request.verb is Verb.STOP and self.look is not None:
            if not wishes.is_running(self.look, request.service):
                return Answer(AnswerState.DONE, f"{request.service} is not running")
        is_still = request.service not in self.state.in_flight
        if request.verb is Verb.START and self.look is not None and is_still:
            if wishes.is_running(self.look, request.service):
                return Answer(AnswerState.DONE, f"{request.service} runs already")
        promise = self.desk_of_wishes.put(request)
        self.wake("request")
        return await asyncio.wait_for(promise, self.settings.request_lives_s)

    async def _hear(self, request: Request) -> Answer:
        """A person's word on an approval; the next look judges again and acts if it still may."""
        now_s = self.clock.now()
        found = self.state.approval(request.approval_id)
        no = approvals.refusal(request, found, now_s)
        if no is not None or found is None:
            return no or Answer(AnswerState.REFUSED, "unknown")
        await self.write([approvals.answered(request, found, now_s)])
        self.wake("approval")
        did = "approved" if request.verb is Verb.APPROVE else "rejected"
        return Answer(AnswerState.DONE, f"{did}: {found.kind} on {found.service} ({found.id})")

    def follow_up(self, service: str, action_id: str) -> None:
        """A person's `restart` climbs once when its gentle form failed."""
        flight = self.state.in_flight.get(service)
        if flight is None or flight.action_id != action_id:
            return
        following = flight.step.parameters.get("then")
        if following is not None:
            kind = ActionKind(str(following))
            reason = f"{flight.step.kind} {action_id} did not help"
            self.desk_of_wishes.put_own(
                Request(Verb.HEAL, by=flight.by, service=service, kind=kind, reason=reason)
            )

    def take_inherited(self, action_id: str) -> bool:
        """Did an earlier Everup begin it and not live to see its end? True once."""
        was_inherited = action_id in self._inherited
        self._inherited.discard(action_id)
        return was_inherited

    def carry_on(self, flight: InFlight) -> None:
        """What an earlier Everup took down and did not live to start again is started, in whatever
        mode: it is down by our own hand."""
        service = flight.step.target
        if flight.step.kind in ENDS_AND_STARTS and self.state.service(service).is_wanted:
            reason = f"{flight.step.kind} {flight.action_id} was interrupted half-way"
            self.desk_of_wishes.put_own(
                Request(Verb.START, by="everup up", service=service, reason=reason)
            )
            self.wake("interrupted half-way")

    async def write(self, entries: list[Entry]) -> None:
        """Into the journal and into the state."""
        await self._book.write(entries)
        self.beside.log(entries)

    async def write_intent(self, intent: Intended, ending: Verified | None = None) -> bool:
        """True when it stands in the journal, together with the end of what it supersedes."""
        is_written = await self._book.write_intent(intent, ending)
        if is_written:
            self.beside.log((intent,) if ending is None else (ending, intent))
        return is_written

    def perform(self, intent: Intended) -> None:
        """One task per service; its end calls for a look."""
        service = intent.step.target
        task = asyncio.create_task(self._perform(intent))
        self._acting[service] = task

    async def _perform(self, intent: Intended) -> None:
        spec = self.stack.services[intent.step.target]
        finished = await perform(self.runtime, self.clock, self.settings, spec, intent)
        self._during[intent.action_id] = finished.during
        while len(self._during) > EVIDENCE_KEPT:
            self._during.popitem(last=False)
        await self.samplers.list_once()
        self._finished.append(replace(finished))
        self._acting.pop(intent.step.target, None)
        self.wake("action ended")

    def take_finished(self) -> list[Finished]:
        """Ended actions since the last look."""
        found, self._finished = self._finished, []
        return found

    def during(self, action_id: str) -> tuple[str, ...]:
        """What was kept while the action ran; empty after a restart of ours."""
        return self._during.get(action_id, ())

    def remember_answer(self, key: str, said: tuple[str, str, str]) -> None:
        """Bounded memory of the gate's latest answers."""
        self.answered[key] = said
        self.answered.move_to_end(key)
        while len(self.answered) > ANSWERS_KEPT:
            self.answered.popitem(last=False)

    def last_look_age_s(self) -> float:
        """Seconds since the last look ended; NaN before the first."""
        return self.clock.now() - self._last_look_s

    async def close(self, *, stop_services: bool = False) -> None:
        """Say goodbye in the journal and let go of the world."""
        await self.write([ControllerStopped(self.clock.now(), "asked to")])
        await self.beside.close()
        await self.runtime.close(stop_services=stop_services)
        await self.journal.close()
