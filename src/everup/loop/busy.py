"""Is a stateful service busy with what a restart would spoil? Asked before it is touched.

Flows in: stateful services with a confirmed finding, the runtime, the prober. Flows out: a `Busy`
on the desk for each of them, which `automated_recovery` reads. The owner's hook has the word;
without one, what needs no credentials: the titles of its processes, and what Redis says of itself.

A question has its timeout, is asked again every sample interval, and never more than one at a time
for a service. No answer is *unknown*: it holds nothing back, and the action says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from everup.loop.busy_signs import sign_of
from everup.loop.desk import Desk
from everup.loop.ports import Clock, Prober, Runtime
from everup.model.errors import EverupError, HookFailed
from everup.model.kinds import BusyState
from everup.model.observation import Busy, Instance
from everup.model.settings import Settings
from everup.model.stack import HookSpec, ServiceSpec, Stack

BUSY_HOOK = "busy"
IDLE_CODE = 1
INSTANCES_ASKED_MOST = 4
REASON_MOST = 200
TITLES_WITHIN_S = 5.0

Said = tuple[BusyState, str]


class BusyAsker:
    """`run` lives until it is cancelled; a stack without stateful services needs none."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        runtime: Runtime,
        prober: Prober,
        clock: Clock,
        desk: Desk,
        wants: Callable[[str], bool],
    ) -> None:
        self._specs = [spec for spec in stack.services.values() if spec.is_stateful]
        self._settings, self._clock = settings, clock
        self._runtime, self._prober = runtime, prober
        self._desk, self._wants = desk, wants

    async def run(self) -> None:
        """Ask for whom it is wanted, again and again."""
        while self._specs:
            wanted = [spec for spec in self._specs if self._wants(spec.name)]
            for spec in self._specs:
                if spec not in wanted:
                    self._desk.take_busy(spec.name, None)
            await asyncio.gather(*(self._ask(spec) for spec in wanted))
            await self._clock.sleep(self._settings.sample_interval_s)

    async def _ask(self, spec: ServiceSpec) -> None:
        running = self._desk.running(spec.name)[:INSTANCES_ASKED_MOST]
        said = await ask(self._runtime, self._prober, spec, running, self._settings)
        self._desk.take_busy(spec.name, Busy(said[0], self._clock.now(), said[1][:REASON_MOST]))


async def ask(
    runtime: Runtime,
    prober: Prober,
    spec: ServiceSpec,
    running: Sequence[Instance],
    settings: Settings,
) -> Said:
    """The strongest of the answers: busy, then unknown, then idle. Never raises but for
    cancellation."""
    hook = spec.hooks.get(BUSY_HOOK)
    if hook is not None:
        found = [await _by_hook(runtime, spec, hook, instance) for instance in running]
    else:
        found = [await _by_titles(runtime, spec)]
        for instance in running:
            said = await _by_asking(prober, spec, instance, settings)
            found.extend([said] if said is not None else [])
    for state in (BusyState.BUSY, BusyState.UNKNOWN):
        for answer in found:
            if answer[0] is state:
                return answer
    return BusyState.IDLE, ""


async def _by_hook(runtime: Runtime, spec: ServiceSpec, hook: HookSpec, instance: Instance) -> Said:
    """Exit 0, or an answer with a text: busy. Exit 1, or an empty answer: idle."""
    try:
        output = await runtime.run_hook(spec.name, BUSY_HOOK, hook, instance.name)
    except HookFailed as failed:
        if failed.code == IDLE_CODE:
            return BusyState.IDLE, ""
        return BusyState.UNKNOWN, str(failed)
    except EverupError as error:
        return BusyState.UNKNOWN, str(error)
    except Exception as error:  # noqa: BLE001 - a question must never end the samplers
        return BusyState.UNKNOWN, f"{type(error).__name__}: {error}"
    line = " ".join(output.split())
    if hook.http and not line:
        return BusyState.IDLE, ""
    return BusyState.BUSY, line or "its busy hook says so"


async def _by_asking(
    prober: Prober, spec: ServiceSpec, instance: Instance, settings: Settings
) -> Said | None:
    if spec.probe is None or spec.probe.is_owners:
        return None
    return await prober.busy(spec.probe, spec, instance, settings.probe_timeout_s)


async def _by_titles(runtime: Runtime, spec: ServiceSpec) -> Said:
    try:
        async with asyncio.timeout(TITLES_WITHIN_S):
            seen = await runtime.processes(spec.name)
    except Exception as error:  # noqa: BLE001 - as above
        return BusyState.UNKNOWN, f"its processes could not be seen: {type(error).__name__} {error}"
    sign = sign_of(seen)
    return (BusyState.BUSY, sign) if sign else (BusyState.IDLE, "")
