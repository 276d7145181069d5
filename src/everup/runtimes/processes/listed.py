"""One life with what was measured of it, as the loop knows it: an `Instance`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.disk import Disk
from everup.model.kinds import UNKNOWN, InstanceState, is_known
from everup.model.observation import Instance
from everup.model.resources import NOT_MEASURED, Resources
from everup.model.sums import SumKey
from everup.runtimes.processes.accounting import Usage
from everup.runtimes.processes.listening import Listener
from everup.runtimes.processes.roster import Life


def instance_of(
    life: Life,
    key: SumKey,
    usage: Usage | None,
    listeners: Mapping[int, Listener],
    disk: Disk | None = None,
    resources: Resources | None = None,
) -> Instance:
    """As it runs, or as it ended. `key`: of its version. `listeners`: who waits, by port. `disk`,
    `resources`: as last seen."""
    record = life.record
    seen = Instance(
        service=record.service,
        name=record.name,
        identity=str(record.identity) if record.pid else f"none.{record.nonce}",
        state=InstanceState.RUNNING if life.is_running else InstanceState.EXITED,
        started_at_s=record.started_at_s,
        port=record.port,
        exit=record.exit,
        memory_limit_bytes=record.memory_limit_bytes,
        version=record.version(key),
        disk=disk,
    )
    if not life.is_running or usage is None or usage.process_state is None:
        return seen
    heard = None if record.port is None else listeners.get(record.port)
    return replace(
        seen,
        process_state=usage.process_state,
        cpu_seconds=life.cpu_seconds,
        io_bytes=life.io_bytes if is_known(usage.io_bytes) else UNKNOWN,
        memory_bytes=usage.memory_bytes,
        waited_s=usage.waited_s,
        accept_queue=UNKNOWN if heard is None else float(heard.waiting),
        resources=resources or NOT_MEASURED,
    )
