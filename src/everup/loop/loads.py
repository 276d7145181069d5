"""What is asked of services, read once per sample interval: from the router, and from their queues.

Flows in: the router through `traffic`, queues through a QueueSense. Flows out: readings on the
desk. `run` belongs to `control`. In a stack with neither router nor queue nothing here does
anything. What cannot be read is unknown, and said once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from everup.loop.desk import Desk
from everup.loop.load_meter import LoadMeter
from everup.loop.mishaps import Mishaps
from everup.loop.ports import Clock, Log, QueueSense
from everup.loop.routes import Candidates
from everup.loop.traffic import Traffic
from everup.model.errors import EverupError, GiveUp
from everup.model.observation import Instance
from everup.model.routing import Held, RouterListing, ServerName
from everup.model.settings import Settings
from everup.model.sizing import QueueSpec
from everup.model.stack import ServiceSpec, Stack

GIVEN_UP_INTERVALS = 12.0
"""How much more seldom one is asked that will not answer without its owner."""
_HOST = re.compile(r"^(?:https?://)?(?P<host>[^\s:/@\[\]{}#?]+)")


class Loads:
    """Of one stack."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        clock: Clock,
        desk: Desk,
        traffic: Traffic,
        queues: QueueSense | None,
        mishaps: Mishaps,
        log: Log,
    ) -> None:
        self._stack, self._clock, self._desk = stack, clock, desk
        self._traffic, self._queues = traffic, queues
        self._mishaps, self._log = mishaps, log
        self._interval_s, self._timeout_s = settings.sample_interval_s, settings.probe_timeout_s
        declared = {n: s.route.group for n, s in stack.services.items() if s.route is not None}
        groups = {name: group for name, group in declared.items() if group}
        self._meter = LoadMeter(settings.sample_interval_s, groups)
        self._places = Places(stack)
        self.faults: dict[str, str] = {}
        """Service → why its queue cannot be read now."""

    async def run(self) -> None:
        """For ever; returns at once where there is nothing to read."""
        async with asyncio.TaskGroup() as group:
            if not self._traffic.no_router:
                group.create_task(self._routed())
            for spec in self._stack.services.values():
                if self._queues is not None and spec.scaling is not None and spec.scaling.queue:
                    group.create_task(self._waiting(spec, spec.scaling.queue, self._queues))

    async def _routed(self) -> None:
        part = "counting requests"
        while True:
            try:
                await self.read_router()
                self._mishaps.over(part)
            except EverupError:
                pass  # said by `traffic`; what is on the desk grows old
            except Exception as error:  # noqa: BLE001 - a flaw of ours leaves it unknown
                self._happened(part, error)
            await self._clock.sleep(self._interval_s)

    async def read_router(self) -> None:
        """One listing onto the desk.

        Raises:
            EverupError: it does not answer.
        """
        listing, held = await self._traffic.listing()
        instances = {name: self._desk.instances(name) for name in self._stack.services}
        placing = self._places.of(instances, listing, held)
        self._desk.loads.take_router(self._meter.take(self._clock.now(), placing, listing))

    async def _waiting(self, spec: ServiceSpec, queue: QueueSpec, sense: QueueSense) -> None:
        while True:
            await self._clock.sleep(await self.read_queue(spec, queue, sense))

    async def read_queue(self, spec: ServiceSpec, queue: QueueSpec, sense: QueueSense) -> float:
        """One length onto the desk, and after how long the next."""
        fault, wait_s, part = "", self._interval_s, f"the queue of {spec.name}"
        asked = at_its_address(queue, self._stack, self._desk.running)
        try:
            running = self._desk.running(spec.name)
            length = await sense.length(asked, spec, running, self._timeout_s)
            self._desk.loads.take_queue(spec.name, self._clock.now(), length)
            self._mishaps.over(part)
        except GiveUp as error:
            fault, wait_s = str(error), GIVEN_UP_INTERVALS * self._interval_s
        except EverupError as error:
            fault = str(error)
        except Exception as error:  # noqa: BLE001 - as above
            self._happened(part, error)
            fault = f"{type(error).__name__}: {error}"
        if fault and fault != self.faults.get(spec.name):
            self._log.warning("queue_fault", service=spec.name, text=fault)
        self.faults[spec.name] = fault
        if not fault:
            del self.faults[spec.name]
        return wait_s

    def _happened(self, part: str, error: Exception) -> None:
        self._mishaps.happened(part, error, self._clock.now(), stops_acting=False, can_end=False)


class Places:
    """Which servers are whose, found anew only when instances, servers or holds are others: each
    service would be compared with each server every few seconds."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._key: object = None
        self._found: dict[str, dict[ServerName, str]] = {}

    def of(
        self,
        instances: Mapping[str, Sequence[Instance]],
        listing: RouterListing,
        held: Sequence[Held],
    ) -> Mapping[str, Mapping[ServerName, str]]:
        """Service → its servers, each with its instance; those without one are not in it."""
        key = (
            tuple((i.name, i.address, i.port) for each in instances.values() for i in each),
            tuple((s.name, s.address, s.port) for s in listing.servers),
            tuple((h.server, h.service, h.instance, h.because) for h in held),
        )
        if key != self._key:
            self._key, self._found = key, {}
            candidates = Candidates(listing, held)
            for name, spec in self._stack.services.items():
                by_instance = candidates.servers_of(spec, instances[name])
                mine = {s.name: i for i, servers in by_instance.items() for s in servers}
                if mine:
                    self._found[name] = mine
        return self._found


def at_its_address(
    queue: QueueSpec, stack: Stack, running: Callable[[str], Sequence[Instance]]
) -> QueueSpec:
    """The queue where the service is whose name its host is; that name is often known only in the
    network of the containers."""
    target = queue.redis or queue.http or ""
    match = _HOST.match(target)
    if match is None or match["host"] not in stack.services:
        return queue
    address = next((i.address for i in running(match["host"]) if i.address), None)
    if address is None:
        return queue
    spoken = f"[{address}]" if ":" in address else address
    led = f"{target[: match.start('host')]}{spoken}{target[match.end('host') :]}"
    return replace(queue, redis=led) if queue.redis else replace(queue, http=led)
