"""Memory limits that we changed: how, and how they are given back.

Flows in: a limit for a service; later the wish to give back what is held. Flows out: changed
declarations and records; sentences on what was given back and what stays. What was there before is
written to the state folder first, so that the next Everup knows it too.

A limit is given back only where what the instances have used fits into the one before with margin:
otherwise giving it back would end them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from everup.model.errors import GiveUp, NotSupported, TryAgain
from everup.model.kinds import UNKNOWN, is_known
from everup.model.stack import Limits
from everup.runtimes import files
from everup.runtimes.processes import procfs
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.house import House
from everup.runtimes.processes.manifest import CPUS_REFUSED, NAME

MARGIN = 1.15
MIB = 1024 * 1024


class LimitKeeper:
    """Changes and gives back; the caller holds the service's turn."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        self._folder = folder

    async def set(self, service: str, limits: Limits) -> None:
        """Change the memory limit of what runs and of what will be started.

        Raises:
            GiveUp: it makes no sense, or would end what runs. TryAgain: it was not stored.
        """
        if is_known(limits.cpus):
            raise NotSupported(NAME, "limit cpus", CPUS_REFUSED)
        if not is_known(limits.memory_bytes):
            return
        before = self._house.declarations.of(service)
        limit = None if limits.memory_bytes == float("inf") else limits.memory_bytes
        wanted = Configuration.parse({**before.content(), "memory_bytes": limit})
        changed = before.limited_to(wanted.memory_bytes)
        await self._refuse_below_use(service, limits.memory_bytes)
        await self._write(self._note, service, before.memory_bytes)
        await self._put(service, changed)

    async def release(self, service: str) -> Sequence[str]:
        """Give back the limit that was there before, where that harms nobody."""
        held = await self._house.threads.read(files.load, self._path(service))
        if not isinstance(held, dict):
            return ()
        now = self._house.declarations.of(service)
        value = held.get("memory_bytes")
        before_bytes = UNKNOWN if value is None else float(value)
        if _is_same(now.memory_bytes, before_bytes):
            await self.forget(service)
            return ()
        peak_bytes = max(await self._peak(service), float(held.get("peak_bytes") or 0.0))
        if is_known(before_bytes) and peak_bytes * MARGIN > before_bytes:
            return (
                f"{service}: its memory limit of {_mib(now.memory_bytes)} stays: it has used "
                f"{_mib(peak_bytes)}, and {_mib(before_bytes)} would end it; declare a higher one",
            )
        await self._put(service, replace(now, memory_bytes=before_bytes, declared_bytes=None))
        await self.forget(service)
        return (f"{service}: its memory limit is {_mib(before_bytes)} again",)

    async def forget(self, service: str) -> None:
        """Nothing is held for this service any more."""
        if self._folder.is_dir():
            await self._write(files.remove, self._path(service))

    def _note(self, service: str, before_bytes: float) -> None:
        files.make_folder(self._folder)
        if not self._path(service).exists():
            value = before_bytes if is_known(before_bytes) else None
            ran_out = [
                life.record.memory_limit_bytes
                for life in self._house.roster.of(service)
                if life.record.exit is not None and life.record.exit.is_out_of_memory
            ]
            peak = max((b for b in ran_out if is_known(b)), default=0.0)
            files.save(self._path(service), {"memory_bytes": value, "peak_bytes": peak})

    async def _put(self, service: str, configuration: Configuration) -> None:
        await self._write(self._house.declarations.put, service, configuration)
        for life in self._house.roster.of(service):
            if life.is_running:
                record = replace(life.record, memory_limit_bytes=configuration.memory_bytes)
                self._house.roster.change(life, record)

    async def _write(self, work: object, *arguments: object) -> None:
        assert callable(work)
        try:
            await self._house.threads.write(work, *arguments)
        except OSError as error:
            raise TryAgain(f"the limit was not stored: {error}") from error

    async def _refuse_below_use(self, service: str, limit_bytes: float) -> None:
        usage = await self._house.measure()
        used = [usage[key].memory_bytes for key in usage if key[0] == service]
        if used and max(used) > limit_bytes:
            raise GiveUp(
                f"memory_bytes: {service} uses {max(used):.0f} bytes now, a limit of "
                f"{limit_bytes:.0f} would end it at once; set a higher one"
            )

    async def _peak(self, service: str) -> float:
        """The most that an instance uses now, or its main process has ever used."""
        usage = await self._house.measure()
        used = [usage[key].memory_bytes for key in usage if key[0] == service]
        mains = [life.record.pid for life in self._house.roster.of(service) if life.is_running]
        peaks = await self._house.threads.read(lambda: [procfs.read_peak_bytes(p) for p in mains])
        return max((*used, *peaks), default=0.0)

    def _path(self, service: str) -> Path:
        return self._folder / files.file_name(service, ".json")


def _is_same(one: float, other: float) -> bool:
    return one == other or not (is_known(one) or is_known(other))


def _mib(value: float) -> str:
    return f"{value / MIB:.0f} MiB" if is_known(value) else "none"
