"""The host sense: accounting and canaries as one `loop.ports.HostSense`.

Called by `loop.observe`; `create_host_sense` is the way in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from everup.model.observation import HostObservation
from everup.signals.accounting.lag import LoopLag
from everup.signals.accounting.machine import Machine
from everup.signals.canaries import Choir
from everup.signals.canaries.command import CommandCanary
from everup.signals.canaries.loopback import LoopbackCanary
from everup.signals.canaries.names import NamesCanary
from everup.signals.freeze_files import FreezeFiles


def create_host_sense(
    state_dir: Path, *, environ: Mapping[str, str] | None = None
) -> LiveHostSense:
    """The sense of this machine. `environ` tells where programs are; the default is ours. In
    `state_dir` somebody may lay down a freeze."""
    variables = os.environ if environ is None else environ
    choir = Choir([LoopbackCanary(), CommandCanary(variables), NamesCanary()])
    return LiveHostSense(Machine(), LoopLag(), choir, FreezeFiles(state_dir))


class LiveHostSense:
    """`loop.ports.HostSense` on the machine that it runs on."""

    def __init__(self, machine: Machine, lag: LoopLag, choir: Choir, files: FreezeFiles) -> None:
        self._files = files
        self._machine = machine
        self._lag = lag
        self._choir = choir

    @property
    def unavailable(self) -> tuple[str, ...]:
        """Canaries that this host cannot have, a sentence each; known after the first look."""
        return self._choir.unavailable

    async def host(self) -> HostObservation:
        """Memory and CPU now; CPU ratio and loop lag since the previous call, NaN on the first."""
        memory = self._machine.memory()
        return HostObservation(
            memory_total_bytes=memory.total_bytes,
            memory_available_bytes=memory.available_bytes,
            cpu_ratio=self._machine.cpu_ratio(),
            pressure_ratio=self._machine.pressure_ratio(),
            loop_lag_s=self._lag.worst_s(),
            processors=float(self._machine.processors),
        )

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        """`canary NAME: reason` for each one that fails; empty when all sing."""
        return await self._choir.failing(timeout_s)

    def freezes(self) -> Mapping[str, str]:
        """Scope → reason of each freeze that lies as a file in the state folder."""
        return self._files.freezes()

    async def close(self) -> None:
        """Stop the canaries' server and the lag timer."""
        self._lag.close()
        await self._choir.close()
