"""The controllers of one run, one after the other: started, killed without a word, started again.

Flows in: kills from the plan, the moments at which a controller passes a point of its work. Flows
out: a `Control` over the real components and journal, in a life of its own on the loop. A killed
life never runs another step; a paused one goes on when its successor is already at work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from everup.loop.control import Control
from everup.loop.no_shelf import NoShelf
from everup.loop.ports import Journal
from everup.model.errors import EverupError
from everup.model.request import Answer, Request
from everup.model.settings import Settings
from everup.runtimes.simulated import Operations, SimulatedHost, SimulatedProber, World
from everup.runtimes.simulated.ledger import Deed
from everup.runtimes.simulated.runtime import SimulatedRuntime
from everup.simulation.chronicle import Chronicle
from everup.simulation.demand import Demand
from everup.simulation.journal_door import JournalDoor, JournalFaults
from everup.simulation.plans import Kill, Point
from everup.simulation.virtual_clock import CountedIds, SeededRandom, VirtualClock
from everup.simulation.virtual_loop import LIFE, VirtualLoop

RESTART_S = 5.0  # after which a supervisor starts a controller that ended by itself
PAUSE_S = 60.0  # how long a paused controller stands still after its successor began
STARTS_MOST = 200


@dataclass(slots=True)
class Parts:
    """What all lives of one run share."""

    loop: VirtualLoop
    clock: VirtualClock
    world: World
    operations: Operations
    journal: Journal
    faults: JournalFaults
    chronicle: Chronicle
    settings: Settings
    seed: str
    demand: Demand | None = None


class Lives:
    """`number`: the newest life that was started; `holder`: the one that took the journal last.

    They differ while a life opens, and when one that was paused in its opening goes on after its
    successor has opened. `control` is the holder's, while it lives.
    """

    def __init__(self, parts: Parts, *, failed: Callable[[str], None]) -> None:
        self._parts = parts
        self._failed = failed
        self.number = 0
        self.holder = 0
        self.control: Control | None = None
        self.killed = 0
        self.is_over = False
        self.unwatched: list[Callable[[], None]] = []
        self._paused: set[int] = set()  # lives that may go on, once they are awake
        self._runtime: SimulatedRuntime | None = None
        self._armed: list[Kill] = []
        self._shelf = NoShelf()
        parts.world.ledger.listeners.append(self._at_call)
        parts.world.ledger.ended.append(self._after_call)

    def begin(self) -> None:
        """A new life, as a supervisor starts one; not before the lease of one that was paused, and
        wrote again since, is over."""
        if self.is_over:
            return
        if wait_s := self._lease_left_s():
            self._parts.loop.hold(self.holder)
            self._parts.world.later(wait_s, self.begin)
            self._parts.world.later(wait_s + PAUSE_S, self._wake, self.holder)
            return
        self.number += 1
        if self.number > STARTS_MOST:
            self._failed(f"over {STARTS_MOST} starts of the controller")
            return
        self._parts.world.tell(f"life {self.number} begins")
        context = copy_context()
        context.run(LIFE.set, self.number)
        self._parts.loop.create_task(self._live(self.number), context=context)

    def _lease_left_s(self) -> float:
        """Of a holder that was paused and goes on; each write renews it. 0: none."""
        entries = self._parts.chronicle.entries
        if self.holder not in self._paused or not entries or entries[-1][1] != self.holder:
            return 0.0
        ends_s = entries[-1][0] + self._parts.settings.lease_s
        return max(0.0, ends_s - self._parts.world.now())

    async def _live(self, life: int) -> None:
        parts = self._parts
        runtime = SimulatedRuntime(parts.world, parts.operations, life=life)
        await runtime.open()
        self._runtime = runtime
        door = JournalDoor(
            parts.journal,
            parts.faults,
            life,
            committed=parts.chronicle.committed,
            passing=lambda point: self._pass(life, point),
            opened=self._opened,
        )
        control = Control(
            parts.world.stack,
            parts.settings,
            runtime,
            SimulatedProber(parts.world, seed=f"{parts.seed}/{life}"),
            SimulatedHost(parts.world),
            door,
            parts.clock,
            CountedIds(life),
            SeededRandom(f"{parts.seed}/{life}"),
            shelf=self._shelf,
            holder=f"life-{life}",
            boot_id="one",
        )
        control_ended: list[Callable[[], object]] = []
        control.mishaps.heard = lambda text: self._failed(f"life {life}: {text}")
        try:
            await control.open()
            if self.holder == life:
                self.control = control
            if parts.demand is not None:
                counting = asyncio.create_task(self._count(control, parts.demand))
                control_ended.append(counting.cancel)
            await control.run()
        except EverupError as error:
            parts.world.tell(f"life {life} ended: {type(error).__name__} {error}")
        except Exception as error:  # noqa: BLE001 - whatever ends a controller is a finding
            self._failed(f"life {life} broke: {type(error).__name__}: {error!r}")
        finally:
            for end in control_ended:
                end()
        if self.number == life:
            self._end_of(life, RESTART_S)

    async def _count(self, control: Control, demand: Demand) -> None:
        """What the router says, onto the desk of this life."""
        while True:
            if loads := demand.loads():
                control.desk.loads.take_router(loads)
            await self._parts.clock.sleep(self._parts.settings.sample_interval_s)

    def _opened(self, life: int) -> None:
        self.holder = life

    # --- kills ----------------------------------------------------------------------------------

    def arm(self, kill: Kill) -> None:
        """Kill the controller at the next moment of this kind."""
        if kill.point is Point.ANYWHERE:
            self._kill(kill)
        else:
            self._armed.append(kill)

    def disarm(self) -> None:
        """Nobody is killed any more."""
        self._armed.clear()

    def _pass(self, life: int, point: Point) -> None:
        if life != self.number or self.is_over:
            return
        for kill in self._armed:
            if kill.point is point:
                self._armed.remove(kill)
                self._kill(kill)
                return

    def _at_call(self, deed: Deed) -> None:
        self._pass(deed.life, Point.AT_CALL)

    def _after_call(self, deed: Deed) -> None:
        self._pass(deed.life, Point.AFTER_CALL)

    def _kill(self, kill: Kill) -> None:
        """Called in the midst of the victim's own step: an error here must not be its to catch."""
        try:
            self._end_without_a_word(kill)
        except Exception as error:  # noqa: BLE001 - a flaw of the simulation itself
            self._failed(f"killing life {self.number}: {error!r}")

    def _end_without_a_word(self, kill: Kill) -> None:
        life, parts = self.number, self._parts
        if self._runtime is None:
            return  # between two lives
        self.killed += 1
        how = "is paused" if kill.is_pause else "is killed"
        parts.world.tell(f"life {life} {how} ({kill.point}), back in {kill.down_s:.0f} s")
        parts.loop.hold(life)
        down_s = kill.down_s
        if kill.is_pause:
            self._paused.add(life)
            down_s = max(down_s, parts.settings.lease_s)  # nobody takes over a lease that runs
            parts.world.later(down_s + PAUSE_S, self._wake, life)
        self._end_of(life, down_s, is_pause=kill.is_pause)

    def _wake(self, life: int) -> None:
        self._parts.world.tell(f"life {life} goes on, not knowing that it was paused")
        self._parts.loop.release(life)

    def _end_of(self, life: int, down_s: float, *, is_pause: bool = False) -> None:
        runtime, self._runtime = self._runtime, None
        if self.holder == life:
            self.control = None
        if runtime is not None and is_pause:
            runtime.look_away()
        elif runtime is not None:
            runtime.lose()
        for call in self.unwatched:
            self._parts.world.later(min(0.5, down_s / 2), call)
        self.unwatched.clear()
        self._parts.world.later(down_s, self.begin)

    # --- people ---------------------------------------------------------------------------------

    def ask(self, request: Request, answered: Callable[[Answer], None]) -> bool:
        """Say it to the controller of the moment; False when there is none."""
        control = self.control
        if control is None:
            return False
        context = copy_context()
        context.run(LIFE.set, self.holder)
        self._parts.loop.create_task(_ask(control, request, answered), context=context)
        return True


async def _ask(control: Control, request: Request, answered: Callable[[Answer], None]) -> None:
    try:
        answered(await control.request(request))
    except (EverupError, TimeoutError, asyncio.CancelledError):
        return  # a person shrugs and asks again later
