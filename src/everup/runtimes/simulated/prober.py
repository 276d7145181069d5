"""The Prober and HostSense ports over the virtual world, with everything that can blind them.

Flows in: which instance to ask. Flows out: its answer after its latency, or what our own trouble
makes of it. Called by the loop's samplers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

from everup.model.kinds import UNKNOWN, BusyState, ProbeVerdict
from everup.model.observation import Heard, HostObservation, Instance, ProbeResult
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.runtimes.simulated.instance import Answer
from everup.runtimes.simulated.senses import ProbeTrouble
from everup.runtimes.simulated.world import World

QUICK_S = 0.003
WORTH_WAITING_S = 0.1  # less is told, not waited for: it would only cost computing
HOST_BYTES = 32e9
HOST_FREE_BYTES = 16e9


class SimulatedProber:
    """Answers with what the instance would say, some jitter on top."""

    def __init__(self, world: World, *, seed: str = "0") -> None:
        self._world = world
        self._random = Random(f"{seed}/probes")

    async def probe(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> ProbeResult:
        """One answer; never raises."""
        trouble = self._world.senses.trouble_for(service.name)
        if trouble:
            answered = await self._troubled(trouble, timeout_s)
            if answered is not None:
                return answered
        found = self._world.services[service.name].instances.get(instance.name)
        if found is None or found.answer is Answer.REFUSED:
            return self._result(ProbeVerdict.FAIL, QUICK_S, "connection refused", Heard.REFUSAL)
        if found.answer is Answer.OK:
            latency_s = found.latency_s * self._random.expovariate(1.0)
            if latency_s >= timeout_s:
                return await self._out_of_time(timeout_s)
            if latency_s > WORTH_WAITING_S:
                await asyncio.sleep(latency_s)
            return self._result(ProbeVerdict.PASS, latency_s, "")
        if found.answer is Answer.SILENCE:
            return await self._out_of_time(timeout_s)
        if found.answer is Answer.RECOVERING:
            return self._result(ProbeVerdict.RECOVERING, QUICK_S, "the database is starting up")
        return self._result(ProbeVerdict.FAIL, QUICK_S, "answered with status 503")

    async def _troubled(self, trouble: ProbeTrouble, timeout_s: float) -> ProbeResult | None:
        if trouble is ProbeTrouble.LOST:
            return self._result(ProbeVerdict.UNKNOWN, UNKNOWN, "no socket could be opened")
        if trouble is ProbeTrouble.NO_NAMES:
            await asyncio.sleep(QUICK_S)
            return self._result(
                ProbeVerdict.FAIL, QUICK_S, "the name does not resolve", Heard.REFUSAL
            )
        if self._random.random() < 0.9:
            return await self._out_of_time(timeout_s)
        return None

    async def _out_of_time(self, timeout_s: float) -> ProbeResult:
        await asyncio.sleep(timeout_s)
        detail = f"no answer within {timeout_s:g} s"
        return self._result(ProbeVerdict.FAIL, timeout_s, detail, Heard.SILENCE)

    def _result(
        self, verdict: ProbeVerdict, latency_s: float, detail: str, heard: Heard = Heard.ANSWER
    ) -> ProbeResult:
        return ProbeResult(verdict, self._world.now(), latency_s, detail, heard)

    async def busy(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> tuple[BusyState, str] | None:
        """It has no way to tell."""
        return None

    async def close(self) -> None:
        """Nothing is held."""


class SimulatedHost:
    """The machine below, and our canaries."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def host(self) -> HostObservation:
        """Memory never runs short; CPU pressure is what the plan says."""
        pressure = self._world.senses.pressure_ratio
        return HostObservation(HOST_BYTES, HOST_FREE_BYTES, pressure, pressure, 0.0)

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        """Those that the plan has made fail."""
        return self._world.senses.failing_canaries

    def freezes(self) -> Mapping[str, str]:
        """There are no files in this world."""
        return {}

    async def close(self) -> None:
        """Nothing is held."""
