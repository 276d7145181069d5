"""Samplers: tasks that keep the desk fresh, each bounded by a timeout, none ever waits for another.

Flows in: runtime, prober, host sense, clock. Flows out: readings on the desk and a call for a look
when something changed. Every five seconds; every second from the first failure until settled.

Canaries cost as much as several probes, and while everybody answers they say nothing that the
answers do not say. So they sing rarely while all is well, and with every sample as soon as anything
looks unwell: whether it is we who are in trouble is known before a hang can be proven.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from everup.loop.desk import Desk
from everup.loop.ports import Clock, HostSense, Prober, Runtime
from everup.model.errors import EverupError
from everup.model.kinds import is_known
from everup.model.observation import Instance
from everup.model.runtime import EventKind, Listing
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec, Stack

LISTING_DEADLINE_INTERVALS = 2.0


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
    ) -> None:
        self._stack, self._settings, self._clock = stack, settings, clock
        self._runtime, self._prober, self._host = runtime, prober, host
        self._desk, self._wake, self._is_close = desk, wake, is_close

    async def run(self) -> None:
        """Start every sampler; an unexpected error in one ends them all, loudly."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listings())
            group.create_task(self._events())
            group.create_task(self._hosts())
            group.create_task(self._freezes())
            for spec in self._stack.services.values():
                if spec.probe is not None:
                    group.create_task(self._probes(spec, spec.probe))

    async def list_once(self) -> None:
        """One listing onto the desk."""
        deadline_s = LISTING_DEADLINE_INTERVALS * max(self._settings.sample_interval_s, 1.0)
        try:
            async with asyncio.timeout(deadline_s):
                listing = await self._runtime.list()
        except TimeoutError:
            listing = Listing(self._clock.now(), (), f"no listing within {deadline_s:g} s")
        except EverupError as error:
            listing = Listing(self._clock.now(), (), str(error))
        is_first = not is_known(self._desk.listed_at_s)
        if self._desk.take_listing(listing) or is_first:
            self._wake("listing")

    async def _listings(self) -> None:
        while True:
            await self.list_once()
            await self._clock.sleep(self._interval_s(self._is_anything_close()))

    def _is_anything_close(self) -> bool:
        for service in self._stack.services:
            if self._is_close(service) or self._desk.in_trouble(service):
                return True
        return False

    def _interval_s(self, close: bool) -> float:
        settings = self._settings
        return settings.close_sample_interval_s if close else settings.sample_interval_s

    async def _events(self) -> None:
        while True:
            try:
                async for event in self._runtime.watch():
                    if event.kind is EventKind.CHANGED and not event.is_ours and event.service:
                        self._desk.note_change(event.service, event.at_s)
                    await self.list_once()
                    self._wake(f"{event.kind} {event.service}")
            except EverupError as error:
                self._desk.engine_fault = str(error)
                self._wake("events lost")
            await self._clock.sleep(self._settings.close_sample_interval_s)

    async def _hosts(self) -> None:
        while True:
            await self._host_once()
            close = bool(self._desk.faults)
            await self._clock.sleep(self._interval_s(close))

    async def _freezes(self) -> None:
        """Every second: whoever lays down a freeze wants it now."""
        while True:
            found = self._host.freezes()
            if found != self._desk.freezes:
                self._desk.freezes = found
                self._wake("freeze")
            await self._clock.sleep(self._settings.close_sample_interval_s)

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
            running = self._desk.running(spec.name)
            if len(running) == 1:
                await self._probe_once(spec, probe, running[0])
            elif running:
                await asyncio.gather(*(self._probe_once(spec, probe, i) for i in running))
            close = not running or self._desk.in_trouble(spec.name) or self._is_close(spec.name)
            await self._clock.sleep(
                self._settings.close_sample_interval_s if close else probe.interval_s
            )

    async def _probe_once(self, spec: ServiceSpec, probe: ProbeSpec, instance: Instance) -> None:
        result = await self._prober.probe(probe, spec, instance, probe.timeout_s)
        changed = self._desk.take_probe(spec.name, instance.name, instance.identity, result)
        if changed or self._is_close(spec.name):
            self._wake(f"probe {spec.name}")
