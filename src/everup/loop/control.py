"""Control: one task per stack, which alone writes that stack's state.

Flows in: ports, the stack, settings. It waits for the tick, an event or the moment at which an
answer changes by itself, and then looks (`cycle.look_once`). The API and the CLI talk to it through
`request`; everything else is read-only attributes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from everup.dependency_monitor import build_graph
from everup.loop import wishes
from everup.loop.book import Book
from everup.loop.busy import BusyAsker
from everup.loop.cycle import look_once
from everup.loop.desk import Desk
from everup.loop.desk_of_wishes import DeskOfWishes
from everup.loop.look import Look
from everup.loop.perform import perform
from everup.loop.ports import Clock, HostSense, Ids, Journal, Prober, Random, Runtime
from everup.loop.sampling import Samplers
from everup.model.entries import (
    ControllerStarted,
    ControllerStopped,
    Entry,
    Finished,
    GivenBack,
    Intended,
)
from everup.model.errors import EverupError
from everup.model.kinds import ActionKind, Cause, is_known
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, Phase, StackState

ANSWERS_KEPT = 1000
EVIDENCE_KEPT = 100
SHORTEST_WAIT_S = 0.01
ON_RUNNING = frozenset(Cause) - {
    *(Cause.CRASH, Cause.CRASH_LOOP, Cause.STOPPED_ON_PURPOSE, Cause.RECOVERING, Cause.REQUESTED)
}


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
        holder: str = "everup",
        version: str = "",
        boot_id: str = "",
    ) -> None:
        self.stack, self.settings, self.runtime = stack, settings, runtime
        self.journal, self.clock, self.ids = journal, clock, ids
        self.prober = prober
        self.graph = build_graph(stack)
        self.hard_closure = {n: self.graph.hard_closure(n) for n in stack.services}
        self.memory = Memory()
        self.look: Look | None = None
        self.desk = Desk(stack, settings)
        self.desk_of_wishes = DeskOfWishes()
        self.unsettled: dict[str, float] = {}
        self.answered: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        self._book = Book(journal, settings, ids)
        self._holder, self._version, self._boot_id = holder, version, boot_id
        self._wake_up = asyncio.Event()
        self._finished: list[Finished] = []
        self._during: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._last_look_s = float("nan")
        self._owes_release = False
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
        await self.write(
            [ControllerStarted(self.clock.now(), self._version, self.stack.digest, self._boot_id)]
        )
        self._owes_release = not await self._give_back()

    async def run(self) -> None:
        """Look until cancelled. Actions under way end with it; the next start settles them."""
        sampling = asyncio.create_task(self._sense())
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
        finally:
            sampling.cancel()
            for task in self._acting.values():
                task.cancel()
            await asyncio.gather(sampling, *self._acting.values(), return_exceptions=True)

    async def _sense(self) -> None:
        """Everything that looks by itself; an unexpected error in one ends them all, loudly."""
        asker = BusyAsker(
            *(self.stack, self.settings, self.runtime, self.prober, self.clock, self.desk),
            self.wants_busy,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle_debts())
            group.create_task(self.samplers.run())
            group.create_task(asker.run())

    async def _settle_debts(self) -> None:
        """What could not be given back at the start, because the runtime did not answer."""
        while self._owes_release:
            await self.clock.sleep(self.settings.tick_s)
            self._owes_release = not await self._give_back()

    async def _give_back(self) -> bool:
        """Nothing that we hold outlives us. False: the runtime did not answer; never raises."""
        answer = await self._release(Request(Verb.RELEASE, by="everup"))
        return answer.state is AnswerState.DONE

    async def _release(self, request: Request) -> Answer:
        scope = request.service or None
        try:
            async with asyncio.timeout(self.settings.lease_s):
                said = tuple(await self.runtime.release(scope))
        except (EverupError, TimeoutError) as error:
            wait_s = self.settings.tick_s
            text = f"not given back yet: {str(error) or 'the runtime does not answer'}"
            return Answer(AnswerState.DELAYED, text, retry_after_s=wait_s)
        if said:
            entry = GivenBack(self.clock.now(), request.service, said, request.by)
            await self.write([entry])
        return Answer(AnswerState.DONE, "; ".join(said) or "nothing is held")

    def wants_busy(self, service: str) -> bool:
        """Is it worth asking whether it is busy: is it found to be sick, while it runs?"""
        found = None if self.look is None else self.look.assessment.relations.findings.get(service)
        return found is not None and found.is_confirmed and found.cause in ON_RUNNING

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
        return service in state.in_flight or state.incident_on(service) is not None

    async def request(self, request: Request) -> Answer:
        """A person's wish: spoken into the journal at once, done by the next look."""
        if request.service and request.service not in self.stack.services:
            known = ", ".join(sorted(self.stack.services))
            text = f"no service {request.service!r} in stack {self.stack.name}; there are: {known}"
            return Answer(AnswerState.REFUSED, text, check="unknown_service")
        said = wishes.spoken(request, self.clock.now())
        if said:
            await self.write(said)
        if request.verb is Verb.RELEASE:
            return await self._release(request)
        if request.verb in (Verb.FREEZE, Verb.UNFREEZE):
            self.wake("freeze")
            return Answer(AnswerState.DONE, f"{request.verb} {request.service or 'the stack'}")
        if request.verb is Verb.STOP and self.look is not None:
            if not wishes.is_running(self.look, request.service):
                return Answer(AnswerState.DONE, f"{request.service} is not running")
        if request.verb is Verb.START and self.look is not None:
            if wishes.is_running(self.look, request.service):
                return Answer(AnswerState.DONE, f"{request.service} runs already")
        promise = self.desk_of_wishes.put(request)
        self.wake("request")
        return await asyncio.wait_for(promise, self.settings.request_lives_s)

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

    async def write(self, entries: list[Entry]) -> None:
        """Into the journal and into the state."""
        await self._book.write(entries)

    async def write_intent(self, intent: Intended) -> bool:
        """True when it stands in the journal."""
        return await self._book.write_intent(intent)

    def perform(self, intent: Intended) -> None:
        """One task per service; its end calls for a look."""
        service = intent.step.target
        task = asyncio.create_task(self._perform(intent))
        self._acting[service] = task

    async def _perform(self, intent: Intended) -> None:
        spec = self.stack.services[intent.step.target]
        answers = self.samplers.answers.lines(spec.name, self.clock.now())
        finished = await perform(self.runtime, self.clock, self.settings, spec, intent, answers)
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
        await self._give_back()
        await self.write([ControllerStopped(self.clock.now(), "asked to")])
        await self.runtime.close(stop_services=stop_services)
        await self.journal.close()
