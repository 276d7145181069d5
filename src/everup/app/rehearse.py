"""A rehearsal: an Everup of its own heals a throw-away copy of a service, and says what it took.

Flows in: what was found of a project, a service, a fault, and who listens. Flows out: a
`Rehearsal`. The loop, the gate, the hands and the verifier are the real ones, over one container;
its journal is in memory and its notes in a folder that goes with it. The owner's container is read
before and after, and never touched. Called by `everup try`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from everup.app.engine import Engine as Everup
from everup.app.engine import build_app
from everup.app.live import BootClock
from everup.config import Loaded
from everup.journal import open_journal
from everup.loop.rooms import Rooms
from everup.model import entries as e
from everup.model.decision import Check
from everup.model.errors import GiveUp
from everup.model.explanation import KindAnswer, KindState
from everup.model.kinds import Condition, Mode
from everup.model.stack import ProbeSpec, ServiceSpec, Stack
from everup.runtimes.docker.containers import TRY, section
from everup.runtimes.docker.discovery import Discovered
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.rehearsal import Fault, Part, Stage, can_be_copied
from everup.runtimes.docker.rehearsal.marks import is_over

CARE = (Check.STATEFUL_CARE, Check.APPROVAL)
OWNER = "owner"
CALM_S = 60.0
POLL_S = 0.2
CLEAR_S = 60.0
SAME = ("Config", "HostConfig", "Mounts", "Image", "Name", "Path", "Args", "RestartCount")

Say = Callable[[str], None]
Watch = Callable[[Everup], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it. `healed_by` is "everup", "engine" (its restart policy), or "" for nobody;
    `took_s` from the fault until it was well; `not_dared`: sentences."""

    part: Part
    healed_by: str
    took_s: float
    not_dared: tuple[str, ...]
    is_untouched: bool


async def rehearse(
    seen: Discovered,
    loaded: Loaded,
    service: str,
    fault: Fault,
    *,
    within_s: float,
    say: Say,
    watch: Watch,
) -> Rehearsal:
    """Do it, and leave nothing, whatever happens.

    Raises:
        GiveUp, AskAHuman, TryAgain: it cannot be rehearsed; says why.
    """
    spec = loaded.stack.services[service]
    _refuse(spec, fault)
    door = Engine()
    await door.open()
    await asyncio.to_thread(tidy_folders)
    folder = Path(tempfile.mkdtemp(prefix=TRY))
    container = seen.traits[service].container_ids[0]
    try:
        before = await door.get(f"containers/{container}/json")
        stage = Stage(door, service, before)
        (folder / OWNER).write_text(stage.names.mark, "utf-8")
        try:
            await stage.clear()  # what an earlier one left
            await stage.build()
            part = await _cast(stage, before, fault, say)
            done = await _heal(stage, spec, loaded, fault, part, folder, within_s, say, watch)
        finally:
            await asyncio.shield(asyncio.wait_for(stage.clear(), CLEAR_S))
        after = await door.get(f"containers/{container}/json")
    finally:
        await door.close()
        shutil.rmtree(folder, ignore_errors=True)
    refused = seen.traits[service].no_recreate
    not_dared = (*done.not_dared, *(f"recreate: {why}" for why in refused))
    return replace(done, is_untouched=is_same(before, after), not_dared=not_dared)


def tidy_folders() -> list[Path]:
    """Remove the notes of rehearsals of this account whose process is gone. Blocks."""
    gone = []
    for folder in Path(tempfile.gettempdir()).glob(f"{TRY}*"):
        try:
            is_ours = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
            if is_ours and is_over((folder / OWNER).read_text("utf-8"), time.time()):
                shutil.rmtree(folder)
                gone.append(folder)
        except OSError:
            continue
    return gone


def is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Has nobody touched it? Pure."""
    parts = [(d.get(name) for name in SAME) for d in (before, after)]
    lives = [section(d, "State").get("StartedAt") for d in (before, after)]
    return list(parts[0]) == list(parts[1]) and lives[0] == lives[1]


def _refuse(spec: ServiceSpec, fault: Fault) -> None:
    if spec.is_one_shot:
        raise GiveUp(f"{spec.name} runs once and ends: there is nothing to heal")
    if fault is not Fault.CRASH and spec.probe is None:
        raise GiveUp(
            f"{spec.name} has no healthcheck, so that nobody would see it {fault}; "
            "everup suggest writes one"
        )


async def _cast(stage: Stage, document: Mapping[str, Any], fault: Fault, say: Say) -> Part:
    """Who plays the service: its copy if that can be on its own, else a stand-in."""
    why = can_be_copied(document)
    if not why:
        say("a copy of it starts, on a network of its own, without ports and without your volumes")
        why = await stage.play(Part.COPY, fault)
    if not why:
        say("the copy is well on its own")
        return Part.COPY
    say(f"a true copy cannot be on its own: {why}")
    say("a stand-in of the same image plays it: a process that runs, stops and is checked alike")
    why = await stage.play(Part.STAND_IN, fault)
    if why:
        raise GiveUp(f"no stand-in can be made of its image ({why}), so nothing was rehearsed")
    return Part.STAND_IN


async def _heal(
    stage: Stage,
    spec: ServiceSpec,
    loaded: Loaded,
    fault: Fault,
    part: Part,
    folder: Path,
    within_s: float,
    say: Say,
    watch: Watch,
) -> Rehearsal:
    clock = BootClock()
    stack = Stack(
        name=stage.names.project,
        services={spec.name: _rehearsed(spec, part)},
        mode=Mode.AUTO,
        runtime="docker",
    )
    everup = build_app(
        replace(loaded, stack=stack, refinement=None),
        state_dir=folder,
        clock=clock,
        journal=open_journal("sqlite://", clock=clock),
        rooms=Rooms(),
    )
    await everup.start()
    telling = asyncio.create_task(watch(everup))
    try:
        await _calm(everup, spec.name)
        say(f"the fault: {fault}")
        hurt_s = clock.now()
        await stage.hurt(fault)
        healed_by, well_s, not_dared = await _until_over(everup, spec.name, hurt_s, within_s)
        await asyncio.sleep(POLL_S)  # what was written last is told
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await everup.stop()
    return Rehearsal(part, healed_by, well_s - hurt_s, not_dared, is_untouched=True)


def _rehearsed(spec: ServiceSpec, part: Part) -> ServiceSpec:
    """The service as it is for the one container: what its owner declared of its care, and nothing
    that leads elsewhere."""
    probe = spec.probe
    if part is Part.STAND_IN and probe is not None and not probe.is_owners:
        probe = ProbeSpec(is_owners=True, interval_s=probe.interval_s, timeout_s=probe.timeout_s)
    return replace(
        spec,
        depends_on=(),
        instances=1,
        min_instances=1,
        max_instances=1,
        probe=probe,
        mode=None,
        modes={},
        hooks={},
        labels={},
        quarantine_s=0.0,
        natures=(),  # the copy is none of those that were read
    )


async def _calm(everup: Everup, service: str) -> None:
    """The Everup of the rehearsal knows it well before it is hurt."""
    async with asyncio.timeout(CALM_S):
        while _condition(everup, service) is not Condition.HEALTHY:
            await asyncio.sleep(POLL_S)


def _condition(everup: Everup, service: str) -> Condition | None:
    look = everup.control.look
    return None if look is None else look.assessment.own.services[service].condition


async def _until_over(
    everup: Everup, service: str, hurt_s: float, within_s: float
) -> tuple[str, float, tuple[str, ...]]:
    """Until it was healed, and by whom; or nobody did in time."""
    clock, not_dared = BootClock(), dict[str, None]()
    was_unwell = False
    while (now_s := clock.now()) < hurt_s + within_s:
        told = [entry for _, _, entry in await everup.control.journal.entries(limit=1000)]
        ends = [entry for entry in told if isinstance(entry, e.IncidentResolved)]
        acted = any(isinstance(entry, e.Intended) for entry in told)
        condition = _condition(everup, service)
        was_unwell |= condition not in (Condition.HEALTHY, None)
        if was_unwell:
            not_dared |= dict.fromkeys(_not_dared(everup.control.kinds(service)))
        if ends:
            return ("everup" if acted else "engine"), ends[-1].at_s, tuple(not_dared)
        if any(isinstance(entry, e.IncidentEscalated) for entry in told):
            break
        is_over = was_unwell and condition is Condition.HEALTHY and not acted
        if is_over and not any(isinstance(entry, e.IncidentOpened) for entry in told):
            return "engine", now_s, tuple(not_dared)
        await asyncio.sleep(POLL_S)
    return "", clock.now(), tuple(not_dared)


def _not_dared(answers: tuple[KindAnswer, ...]) -> list[str]:
    """Rungs of the ladder that the gate refuses, or leaves to a person."""
    return [
        f"{a.kind}: {a.own.reason}"
        for a in answers
        if a.rungs and (a.own.state is KindState.REFUSED or a.own.check in CARE)
    ]
