"""Cases about the configuration files of a service: part of its version, and put back with it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from everup.loop.ports import Runtime
from everup.model.errors import EverupError
from everup.model.kinds import is_known
from everup.model.observation import Instance
from everup.model.version import files_of, only_files_differ
from everup.testing.runtime_lab import (
    GOOD_FILE,
    GRACE_S,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    until,
)

BAD_FILE = b"colour = ((( nobody can read this, and it is longer\n"
MAIN, PART, NEW = "main.conf", "parts/one.conf", "parts/two.conf"
CUTS_S = (0.0, 0.005, 0.02, 0.1)
"""After so long the caller leaves."""


async def _begun(lab: RuntimeLab, runtime: Runtime) -> str:
    """`steady` runs, and its version is known with its files."""
    await runtime.start("steady")
    await lab.settled(runtime, "steady")
    return await _version(lab, runtime)


async def _version(lab: RuntimeLab, runtime: Runtime, *, other_than: str = "") -> str:
    found: list[str] = []

    async def is_there() -> bool:
        versions = {i.version for i in (await instances_of(runtime, "steady")).values()}
        found[:] = versions
        return len(versions) == 1 and files_of(found[0]) != "" and found[0] != other_than

    await until(lab, is_there, what="a version with files is seen")
    return found[0]


def _lives(instances: dict[str, Instance]) -> set[str]:
    return {i.identity for i in instances.values()}


async def a_changed_file_makes_another_version(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        green = await _begun(lab, runtime)
        captured = await runtime.capture("steady")
        assert captured.version == green
        assert {f.content for f in captured.files} == {GOOD_FILE}
        lives = _lives(await instances_of(runtime, "steady"))
        await lab.write_file(MAIN, BAD_FILE)
        blue = await _version(lab, runtime, other_than=green)
        assert only_files_differ(green, blue)
        seen = await instances_of(runtime, "steady")
        assert _lives(seen) == lives, "a file is changed under what runs"
        for one in seen.values():
            assert is_known(one.files_changed_at_s)
            assert one.files_changed_at_s <= lab.clock.now() + 1.0
        await lab.write_file(MAIN, GOOD_FILE)
        assert await _version(lab, runtime, other_than=blue) == green, "equal for equals"


async def files_are_as_they_were_and_are_read_again(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        green = await _begun(lab, runtime)
        kept = await runtime.capture("steady")
        await lab.write_file(MAIN, BAD_FILE)
        await lab.write_file(PART, BAD_FILE)
        await _version(lab, runtime, other_than=green)
        before = await instances_of(runtime, "steady")
        told = await runtime.restore(kept, grace_s=GRACE_S)
        assert sum(MAIN in line or PART in line for line in told) >= 2, f"says which: {told}"
        assert (await lab.read_file(MAIN), await lab.read_file(PART)) == (GOOD_FILE, GOOD_FILE)
        await lab.settled(runtime, "steady")
        after = await instances_of(runtime, "steady")
        assert not _lives(after) & _lives(before), "each is started again with them"
        assert after.keys() == before.keys()
        assert {n: i.make for n, i in after.items()} == {n: i.make for n, i in before.items()}
        assert all(is_up(i) for i in after.values())
        assert await _version(lab, runtime) == green
        lives = _lives(after)
        await runtime.restore(kept, grace_s=GRACE_S)
        assert _lives(await instances_of(runtime, "steady")) == lives, "nothing differs any more"


async def without_files_none_is_written(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begun(lab, runtime)
        kept = await runtime.capture("steady")
        await lab.write_file(MAIN, BAD_FILE)
        lives = _lives(await instances_of(runtime, "steady"))
        await runtime.restore(replace(kept, files=()), grace_s=GRACE_S)
        assert await lab.read_file(MAIN) == BAD_FILE
        assert _lives(await instances_of(runtime, "steady")) == lives
        await lab.write_file(MAIN, GOOD_FILE)


async def a_file_that_came_goes(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begun(lab, runtime)
        kept = await runtime.capture("steady")
        await lab.write_file(NEW, BAD_FILE)
        await lab.write_file(PART, b"")  # cut short, as by a full disk
        await runtime.restore(kept, grace_s=GRACE_S)
        assert await lab.read_file(PART) == GOOD_FILE
        again = await runtime.capture("steady")
        assert {f.path for f in again.files} == {f.path for f in kept.files}


async def going_back_cut_short_leaves_old_or_new(lab: RuntimeLab) -> None:
    """Whoever asked leaves, then the controller is lost: the next one finds one or the other."""
    runtime = await lab.open()
    await _begun(lab, runtime)
    kept = await runtime.capture("steady")
    for cut_s in CUTS_S:
        await lab.write_file(MAIN, BAD_FILE)
        await lab.write_file(PART, BAD_FILE)
        going = asyncio.ensure_future(runtime.restore(kept, grace_s=GRACE_S))
        await lab.clock.sleep(cut_s)
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError, EverupError):
            await going
        await lab.lose(runtime)
        runtime = await lab.open()
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        found = {await lab.read_file(MAIN), await lab.read_file(PART)}
        assert found in ({GOOD_FILE}, {BAD_FILE}), f"after {cut_s:g} s: {found}"
        assert all(is_up(i) for i in (await instances_of(runtime, "steady")).values())
    await runtime.close(stop_services=True)
