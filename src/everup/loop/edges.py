"""What the edges of the stack show of themselves: connections, and how health follows along them.

Flows in: the runtime's socket tables, now and then, and every look. Flows out: `EdgesSeen` and
`EdgesLearned`, and what the API tells of both. Called by `record` and, after it, by `control`;
no look waits for a table. An edge is written down when it is seen for the first time and once a
day after that: what is known in between is in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.dependency_monitor.edges import Known, tallies_of, with_seen
from everup.dependency_monitor.fault_model import links_of
from everup.dependency_monitor.graph import build_graph
from everup.dependency_monitor.learned import Illness, learn
from everup.loop.illnesses import Illnesses
from everup.loop.look import Look
from everup.loop.ports import Runtime
from everup.model.edges import Connections, Edge, EdgeTally, KnownEdge
from everup.model.entries import EdgesLearned, EdgesSeen, Entry
from everup.model.errors import EverupError
from everup.model.kinds import UNKNOWN, Condition, Purpose, is_known
from everup.model.runtime import Capability
from everup.model.state import StackState

if TYPE_CHECKING:
    from everup.loop.control import Control

SEEN_AGAIN_S = 86_400.0
"""An edge that is seen all the time is written down so often."""
EDGES_MOST = 2000
"""One entry names so many at most; the rest comes with the next one."""
ILL = frozenset({Condition.UNHEALTHY, Condition.DOWN})
WELL = frozenset({Condition.HEALTHY, Condition.DEGRADED})
ON_ITS_WAY = frozenset({Condition.STARTING, Condition.RECOVERING})
NOTHING_YET = KnownEdge()


class Edges:
    """One read of the socket tables at a time. `fault`: why the latest one did not succeed, or why
    there is none; `unseen`: service → why nobody could look."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._asked_at_s = UNKNOWN
        self._latest: Connections | None = None
        self._last_seen_s: dict[tuple[str, str], float] = {}
        self._illnesses = Illnesses()
        self.unseen: Mapping[str, str] = {}
        self.fault = ""
        manifest = runtime.manifest
        if not (can := manifest.can(Capability.CONNECTIONS)):
            self.fault = manifest.why_not.get(Capability.CONNECTIONS, "this runtime cannot tell")
        self._can = can

    def known(self, state: StackState) -> Known:
        """What the journal remembers, with the moments of this life."""
        found = {service: dict(targets) for service, targets in state.edges.items()}
        for (service, target), at_s in self._last_seen_s.items():
            before = found.setdefault(service, {}).get(target, NOTHING_YET)
            first_s = before.first_seen_s if is_known(before.first_seen_s) else at_s
            found[service][target] = replace(before, first_seen_s=first_s, last_seen_s=at_s)
        return found

    def follow(self, control: Control, look: Look) -> list[Entry]:
        """What is to be written of this look."""
        return [*self._seen(control, look), *self._learned(control, look)]

    def after_look(self, control: Control) -> None:
        """Begin to look at the tables when it is time."""
        now_s = control.clock.now()
        if not self._can or (self._task is not None and not self._task.done()):
            return
        if now_s - self._asked_at_s < control.settings.connections_interval_s:
            return  # never so before the first time
        self._asked_at_s = now_s
        self._task = asyncio.create_task(self._ask(control), name="connections")

    async def close(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self, control: Control) -> None:
        try:
            async with asyncio.timeout(control.settings.lease_s):
                found = await self._runtime.connections()
        except (EverupError, OSError, TimeoutError) as error:
            self.fault = str(error) or "the socket tables were not read in time"
            return
        except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
            self.fault = f"{type(error).__name__}: {error}"
            return
        self.fault, self.unseen, self._latest = "", found.unseen, found

    def _seen(self, control: Control, look: Look) -> list[Entry]:
        found, self._latest = self._latest, None
        if found is None:
            return []
        services = control.stack.services
        again_s = SEEN_AGAIN_S * control.settings.time_scale
        new: list[Edge] = []
        for service, target in found.seen:
            if service not in services or target not in services or service == target:
                continue
            self._last_seen_s[service, target] = look.at_s
            known = control.state.edges.get(service, {}).get(target, NOTHING_YET)
            if not look.at_s - known.last_seen_s < again_s:
                new.append(Edge(service, target))
        return [EdgesSeen(look.at_s, tuple(new[:EDGES_MOST]))] if new else []

    def _learned(self, control: Control, look: Look) -> list[Entry]:
        pace = control.settings.time_scale
        at_s = look.at_s / pace
        seen = look.observation
        if control.settings.is_break(seen.monitor.gap_s) or control.state.monitor_fault:
            self._illnesses.clear()
            return []
        if not seen.is_complete:
            return []
        ill: dict[str, float] = {}
        well: set[str] = set()
        for name, health in look.assessment.own.services.items():
            purpose = control.state.service(name).purpose
            if health.condition in WELL:
                well.add(name)
            elif health.condition in ILL and purpose is not Purpose.STOPPED:
                if name not in control.state.in_flight:  # else it may be by our hand
                    ill[name] = control.memory.service(name).bad_since_s / pace
            elif health.condition not in ON_ITS_WAY and name not in control.state.in_flight:
                self._illnesses.forget(name)
        self._illnesses.follow(at_s, ill, well)
        due = self._illnesses.take_due(at_s)
        return self._tallied(control, look.at_s, due) if due else []

    def _tallied(self, control: Control, at_s: float, due: list[Illness]) -> list[Entry]:
        state = control.state
        links = links_of(build_graph(with_seen(control.stack, self.known(state))))
        targets = {illness.service for illness in due}
        sources = {link.dependent for link in links if link.target in targets}
        around = [link for link in links if link.dependent in sources]
        before = tallies_of(state.edges)
        after = learn(before, around, self._illnesses.all(), due)
        found: list[Entry] = []
        for target in sorted(targets):
            changed = tuple(
                EdgeTally(pair[0], target, tally.hurt, tally.spared, tally.delay_sum_s)
                for pair, tally in after.items()
                if pair[1] == target and before.get(pair) != tally
            )
            if changed:
                found.append(EdgesLearned(at_s, target, changed[:EDGES_MOST]))
        return found
