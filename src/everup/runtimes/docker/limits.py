"""Limits of running containers: changed live, seen to be changed, given back where that is safe.

Flows in: limits for a service's containers. Flows out: the engine's update calls; what was there
before, written down first. Memory and swap go together, as the engine wants it: swap beyond memory
stays what it was. A limit where there was none cannot be taken away again: see `undeclared`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Instance
from everup.model.stack import Limits
from everup.runtimes.docker import undeclared
from everup.runtimes.docker.containers import NANOSECONDS, Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.store import Store
from everup.runtimes.docker.undeclared import ROOM
from everup.runtimes.giving import Giving

LEAST_BYTES = 6 * 1024 * 1024
LEAST_CPUS = 0.01
MARGIN = 1.15
MIB = 1024 * 1024

Peak = Callable[[Container], float]
"""The most memory that a container is known to have used, in bytes; NaN: unknown."""


class LimitKeeper:
    """The limits that we changed; the caller holds the service's turn."""

    def __init__(self, engine: Engine, hands: Hands, store: Store, peak: Peak) -> None:
        self._engine, self._hands, self._store, self._seen = engine, hands, store, peak
        self._ran_out: dict[str, float] = {}
        self._whole_bytes = self._whole_nano_cpus = 0  # of the machine; 0: not asked yet

    async def open(self) -> None:
        """How large the machine is, as far as the engine says it."""
        with contextlib.suppress(EverupError):
            await self._measure()

    def forget_all_but(self, containers: Collection[str]) -> None:
        """Of containers that are gone, it does not matter what they had."""
        undeclared.forget_all_but(self._store, containers)

    def ran_out(self, container: Container) -> None:
        """The kernel ended something in it for lack of memory: it has used all that it had."""
        limit = container.memory_limit_bytes
        if not is_known(limit):
            return
        self._ran_out[container.id] = max(limit, self._ran_out.get(container.id, 0.0))
        with contextlib.suppress(TryAgain):  # a full disk costs the next life that it knows
            if held := self._store.get(ROOM, container.id):
                self._store.put(ROOM, container.id, {**held, "peak": self._peak(container)})

    def _peak(self, container: Container) -> float:
        """The most that it is known to have used, also by an earlier Everup; NaN: unknown."""
        held = self._store.get(ROOM, container.id) or {}
        known = [self._seen(container), self._ran_out.get(container.id, UNKNOWN)]
        if container.is_out_of_memory:
            known.append(container.memory_limit_bytes)
        known.append(float(held.get("peak") or UNKNOWN))
        return max((used for used in known if is_known(used)), default=UNKNOWN)

    async def set(self, containers: Sequence[Container], limits: Limits) -> None:
        """NaN leaves one as it is, infinite takes it away.

        Raises:
            GiveUp: a value makes no sense, would end what runs, or the engine did not take it.
        """
        memory, cpus = limits.memory_bytes, limits.cpus
        if is_known(memory) and not memory >= LEAST_BYTES:
            raise GiveUp(f"memory_bytes: {memory:.0f} is under {LEAST_BYTES}, the engine's least")
        if is_known(cpus) and not cpus >= LEAST_CPUS:
            raise GiveUp(f"cpus: {cpus:g} is under {LEAST_CPUS:g}, the engine's least")
        for container in containers:
            used = self._peak(container) if container.is_running else UNKNOWN
            if is_known(memory) and used > memory:
                raise GiveUp(
                    f"memory_bytes: {container.name} has used {used:.0f} bytes, a limit of "
                    f"{memory:.0f} would end it; set a higher one"
                )
        await self._measure()
        for container in containers:
            wanted: dict[str, Any] = {}
            if is_known(memory):
                wanted |= _memory(self._of(container, ("Memory", "MemorySwap")), memory)
            if is_known(cpus):
                wanted["NanoCpus"] = int(cpus * NANOSECONDS) if math.isfinite(cpus) else 0
            if wanted:
                await self._change(container, wanted)

    def before(self, container: Container) -> Mapping[str, Any]:
        """What was declared where it has something else by our hand."""
        return undeclared.before(self._store, container)

    def as_limited(self, instance: Instance) -> Instance:
        """All of the machine is no limit."""
        memory, cpus = instance.memory_limit_bytes, instance.cpus
        if is_known(memory) and memory >= self._whole_bytes > 0:
            instance = replace(instance, memory_limit_bytes=UNKNOWN)
        if is_known(cpus) and cpus * NANOSECONDS >= self._whole_nano_cpus > 0:
            instance = replace(instance, cpus=UNKNOWN)
        return instance

    async def release(self, service: str) -> Sequence[str]:
        """Give back what was there before, where what was used fits into it; each is tried.

        Raises:
            StillHeld: some could not be given back, and are still noted.
        """
        giving = Giving(service)
        for name, held in self._store.all(ROOM).items():
            if service == held.get("service"):
                with giving.trying():
                    giving.said += await self._release(name, held)
        return giving.result()

    async def _change(self, container: Container, wanted: Mapping[str, Any]) -> None:
        held = self._store.get(ROOM, container.id) or {}
        if wanted.keys() - section(held, "before").keys():
            before = {**undeclared.has(container, wanted), **self.before(container)}
            self._store.put(
                ROOM,
                container.id,
                {
                    "service": container.service,
                    "name": container.name,
                    "before": before,
                    "peak": _or_none(self._peak(container)),
                },
            )
        await self._update(container.id, wanted)
        now = self._of(await self._hands.look(container.id), wanted)
        if now != self._level(wanted):
            raise GiveUp(f"{container.name}: the engine took {dict(wanted)} and has {now}")

    async def _release(self, container: str, held: Mapping[str, Any]) -> Sequence[str]:
        service, before = str(held.get("service")), section(held, "before")
        try:
            now = await self._hands.look(container)
        except Gone:
            self._store.remove(ROOM, container)
            named = held.get("name") or container[:12]
            return (f"{service}: {named}, whose limits were changed, is gone",)
        await self._measure()
        was_changed = self._of(now, before) != self._level(before)
        if was_changed:
            limit = before.get("Memory")
            used = self._peak(now)
            if limit and is_known(used) and used * MARGIN > limit:
                return (
                    f"{service}: the memory limit of {now.name} stays: it has used {_mib(used)}, "
                    f"and {_mib(limit)} would end it; declare a higher one",
                )
            await self._update(container, before)
            now = await self._hands.look(container)
        said = undeclared.keep(self._store, now, before)
        self._store.remove(ROOM, container)
        if was_changed and not said:
            return (f"{service}: the limits of {now.name} are as declared again",)
        return said

    async def _update(self, container: str, wanted: Mapping[str, Any]) -> None:
        """The engine takes 0 for "leave it" and no number for "none": what is not limited may have
        all of the machine."""
        body = dict(wanted)
        if body.get("Memory") == 0:
            body |= {"Memory": self._whole_bytes, "MemorySwap": 2 * self._whole_bytes}
        if body.get("NanoCpus") == 0:
            body["NanoCpus"] = self._whole_nano_cpus
        await self._engine.call("POST", f"containers/{container}/update", body=body)

    async def _measure(self) -> None:
        if not self._whole_bytes:
            info = await self._engine.get("info")
            self._whole_nano_cpus = int(info.get("NCPU") or 0) * NANOSECONDS
            self._whole_bytes = int(info.get("MemTotal") or 0)

    def _of(self, container: Container, names: Iterable[str]) -> dict[str, int]:
        """What it has; all of the machine is no limit."""
        return self._level(undeclared.has(container, names))

    def _level(self, limits: Mapping[str, Any]) -> dict[str, int]:
        found = dict(limits)
        if found.get("Memory", 0) >= self._whole_bytes > 0:
            found |= {name: 0 for name in ("Memory", "MemorySwap") if name in found}
        if found.get("NanoCpus", 0) >= self._whole_nano_cpus > 0:
            found["NanoCpus"] = 0
        return found


def _or_none(value: float) -> float | None:
    return value if is_known(value) else None


def _memory(has: Mapping[str, int], limit: float) -> dict[str, int]:
    if not math.isfinite(limit):
        return {"Memory": 0, "MemorySwap": 0}
    wanted = int(limit)
    memory, both = has["Memory"], has["MemorySwap"]
    if both == -1:
        return {"Memory": wanted, "MemorySwap": -1}
    swap = both - memory if both > memory > 0 else wanted if not memory else 0
    return {"Memory": wanted, "MemorySwap": wanted + swap}


def _mib(value: float) -> str:
    return f"{value / MIB:.0f} MiB"
