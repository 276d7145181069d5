"""Samplers: tasks that keep the desk fresh, each bounded by a timeout, none ever waits for another.

Flows in: runtime, prober, host sense, clock. Flows out: readings on the desk and a call for a look
when something changed. Every five seconds; every second from the first failure until settled; what
was changed twice a second, as far as it is not kept busy by that.

Canaries cost as much as several probes, and while everybody answers they say nothing that the
answers do not say. So they sing rarely while all is well, and with every sample as soon as anything
looks unwell: whether it is we who are in trouble is known before a hang can be proven.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from everup.loop.answers import AnswerLog
from everup.loop.desk import Desk, News
from everup.loop.mishaps import Mishaps
from everup.loop.ports import Clock, HostSense, Prober, Runtime
from everup.loop.tape import Tape
from everup.model.errors import EverupError
from everup.model.kinds import ProbeVerdict, is_known
from everup.model.observation import Instance, ProbeResult
from everup.model.runtime import EventKind, Listing
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec, Stack

STRANGER_INTERVALS = 12.0
"""How much more seldom one is asked that never answered, where nobody declared how to ask."""
TRIED_CLOSER = 0.5
"""Of the pace of trouble, for who was changed and answers: more answers show more."""
BUSY_SHARE_MOST = 0.2
"""Of its time that it may be kept busy by being asked so closely; never slower than declared."""


class Samplers:
    """All samplers of one stack. `run` lives until it is cancelled."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        runtime: Runtime,
        prober: Prober,
        host: HostSense,
        clock: Clock,
        desk: Desk,
        wake: Callable[[str], None],
        is_close: Callable[[str], bool],
        is_settled: Callable[[str], bool],
        is_tried: Callable[[str], bool],
        mishaps: Mishaps,
    ) -> None:
        self._stack, self._settings, self._clock = stack, settings, clock
        self._runtime, self._prober, self._host = runtime, prober, host
        self._desk, self._wake, self._mishaps = desk, wake, mishaps
        self._is_close, self._is_settled, self._is_tried = is_close, is_settled, is_tried
        self._listed = tuple(  # whose answers come with the listings
            name for name, spec in stack.services.items() if spec.probe and spec.probe.is_owners
        )
        self.answers, self.tape = AnswerLog(), Tape()
        desk.heard = self.tape.note  # owners' checks are no probes of ours
        self._rests = set[asyncio.Future[None]]()  # long ones; closeness ends them
        self._is_awaited = False

    async def run(self) -> None:
        """Start every sampler. One that fails unexpectedly says so and goes on; only one that fails
        over and over ends them all, loudly."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever("listing", self._listings, stops_acting=True))
            group.create_task(self._for_ever("the events", self._events, stops_acting=False))
            group.create_task(self._for_ever("sensing the host", self._hosts, stops_acting=True))
            group.create_task(self._for_ever("reading freezes", self._freezes, stops_acting=True))
            for spec in self._stack.services.values():
                if spec.probe is not None and not spec.probe.is_owners:
                    group.create_task(self._probes(spec, spec.probe))

    async def _for_ever(
        self, part: str, once: Callable[[], Awaitable[float]], *, stops_acting: bool
    ) -> None:
        """`once` returns how long to wait before the next time."""
        while True:
            try:
                wait_s = await once()
                self._mishaps.over(part)
            except Exception as error:  # noqa: BLE001 - a flaw of ours must not end the healer
                now_s = self._clock.now()
                self._mishaps.happened(part, error, now_s, stops_acting=stops_acting)
                self._wake(f"{part} failed")
                wait_s = self._settings.close_sample_interval_s
            await self._rest(wait_s)

    async def _rest(self, wait_s: float) -> None:
        """A long rest ends a close one after something begins to deserve closeness."""
        close_s = self._settings.close_sample_interval_s
        if wait_s <= close_s:
            await self._clock.sleep(wait_s)
            return
        rest = asyncio.ensure_future(self._clock.sleep(wait_s))
        self._rests.add(rest)
        try:
            await rest
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not rest.cancelled() or (task is not None and task.cancelling()):
                rest.cancel()
                raise
            await self._clock.sleep(0.0 if self._is_awaited else close_s)
        finally:
            self._rests.discard(rest)

    def _end_rests(self, *, is_awaited: bool = False) -> None:
        """`is_awaited`: a list is wanted at once; after an event there was one just now."""
        self._is_awaited = is_awaited
        for rest in self._rests:
            rest.cancel()

    async def list_once(self) -> None:
        """One listing onto the desk."""
        deadline_s = self._desk.listing_deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                listing = await self._runtime.list()
        except TimeoutError:
            listing = Listing(self._clock.now(), (), f"no listing within {deadline_s:g} s")
        except EverupError as error:
            listing = Listing(self._clock.now(), (), str(error))
        except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
            listing = Listing(self._clock.now(), (), f"{type(error).__name__}: {error}")
        is_first = not is_known(self._desk.listed_at_s)
        if self._desk.take_listing(listing) or is_first:
            self._wake("listing")

    async def _listings(self) -> float:
        await self.list_once()
        is_close = self._is_anything_close()
        if is_close and any(map(self._deserves_closeness, self._listed)):
            self._wake("listing")
        return self._interval_s(is_close)

    def _is_anything_close(self) -> bool:
        return any(self._deserves_closeness(service) for service in self._stack.services)

    def _deserves_closeness(self, service: str) -> bool:
        """Every second from the first failure until settled: what a person has, or what is meant
        to be so, gets no better by being looked at."""
        if self._is_close(service):
            return True
        return self._desk.in_trouble(service) and not self._is_settled(service)

    def _interval_s(self, close: bool) -> float:
        settings = self._settings
        return settings.close_sample_interval_s if close else settings.sample_interval_s

    async def _events(self) -> float:
        try:
            async for event in self._runtime.watch():
                if event.kind is EventKind.CHANGED and not event.is_ours and event.service:
                    self._desk.note_change(event.service, event.at_s)
                await self.list_once()
                self._wake(f"{event.kind} {event.service}")
                if self._is_anything_close():
                    self._end_rests()
        except EverupError as error:
            self._desk.engine_fault = str(error)
            self._wake("events lost")
        return self._settings.close_sample_interval_s

    async def _hosts(self) -> float:
        await self._host_once()
        return self._interval_s(bool(self._desk.faults))

    async def _freezes(self) -> float:
        """Every second: whoever lays down a freeze wants it now."""
        found = self._host.freezes()
        if found != self._desk.freezes:
            self._desk.freezes = found
            self._wake("freeze")
        return self._settings.close_sample_interval_s

    async def _host_once(self) -> None:
        self._desk.take_host(await self._host.host(), self._clock.now())
        if self._are_canaries_due():
            await self._hear_canaries()

    def _are_canaries_due(self) -> bool:
        heard_at_s = self._desk.canaries_at_s
        if not is_known(heard_at_s) or self._desk.faults or self._is_anything_close():
            return True
        return self._clock.now() - heard_at_s >= self._settings.calm_canary_interval_s

    async def _hear_canaries(self) -> None:
        before = self._desk.faults
        self._desk.faults = tuple(await self._host.canaries(self._settings.probe_timeout_s))
        self._desk.canaries_at_s = self._clock.now()
        if before and not self._desk.faults:
            self._desk.see_again(self._desk.canaries_at_s)
        if self._desk.faults != before:
            self._wake("canaries")

    async def _probes(self, spec: ServiceSpec, probe: ProbeSpec) -> None:
        while True:
            running, began_s = self._desk.running(spec.name), self._clock.now()
            if len(running) == 1:
                await self._probe_once(spec, probe, running[0])
            elif running:
                await asyncio.gather(*(self._probe_once(spec, probe, i) for i in running))
            took_s = max(0.0, self._clock.now() - began_s)
            await self._clock.sleep(self._rest_s(spec.name, probe, took_s, bool(running)))

    def _rest_s(self, service: str, probe: ProbeSpec, took_s: float, is_running: bool) -> float:
        """Until it is asked again, after an answer that took so long."""
        close_s = self._settings.close_sample_interval_s
        if self._desk.has_never_answered(service):
            return STRANGER_INTERVALS * probe.interval_s
        if is_running and self._is_tried(service) and not self._desk.in_trouble(service):
            each_s = close_s if probe.command else TRIED_CLOSER * close_s
            rest_s = max(each_s, took_s * (1.0 / BUSY_SHARE_MOST - 1.0))
            return min(rest_s, probe.interval_s)
        close = self._deserves_closeness(service) or not (is_running or self._is_settled(service))
        return close_s if close else probe.interval_s

    async def _probe_once(self, spec: ServiceSpec, probe: ProbeSpec, instance: Instance) -> None:
        part = f"probing {spec.name}"
        try:
            result = await self._prober.probe(probe, spec, instance, probe.timeout_s)
            self._mishaps.over(part)
        except Exception as error:  # noqa: BLE001 - one service is unknown; the others are healed
            now_s = self._clock.now()
            mishap = self._mishaps.happened(part, error, now_s, stops_acting=False, can_end=False)
            result = ProbeResult(ProbeVerdict.UNKNOWN, now_s, detail=mishap.text)
        self.answers.note(instance, result)
        self.tape.note(spec.name, result)
        news = self._desk.take_probe(spec.name, instance.name, instance.identity, result)
        goes_on = news is News.GOES_ON and not self._is_settled(spec.name)
        if news is News.TURNED and self._deserves_closeness(spec.name):
            self._end_rests(is_awaited=True)  # what its process does tells a hang from a pause
        if news is News.TURNED or goes_on or self._is_close(spec.name):
            self._wake(f"probe {spec.name}")


def raise_first_of(sampling: asyncio.Task[None]) -> None:
    """The error that ended the samplers, without the group that it came in."""
    try:
        sampling.result()
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from group
