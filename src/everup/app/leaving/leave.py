"""Takes every trace of an Everup away from one state folder and one engine; the stack runs on.

Flows in: a `Home`, after its Everup was stopped. Flows out: a `Plan` of what would go and what
stays, and, once it was carried out, a `Parting` that says what went. Twice is fine. Where the
engine does not answer, what is held there stays noted, so that it can be given back later.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from everup.app.leaving import folder as files
from everup.app.leaving.homes import Home
from everup.app.live import BootClock
from everup.app.plugins import load_runtime
from everup.config.found import FOUND
from everup.loop.ports import Clock, Runtime
from everup.model.errors import EverupError, StillHeld
from everup.model.kinds import InstanceState
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.routing import NOTES_FILE, held_services, release_noted
from everup.runtimes.docker import asides, rehearsal, traces
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.store import PINNED, Store

ENGINE_ANSWERS_S = 15.0
PROVEN_WAIT_S, LOOK_AGAIN_S = 40.0, 1.0
"""How long a replacement may take to prove itself before the old container is left aside."""

SHOWN_MOST = 6


@dataclass(slots=True)
class Plan:
    """Sentences: what goes, and what stays with its reason."""

    goes: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    fault: str = ""  # why the engine could not be asked


@dataclass(slots=True)
class Parting:
    """What went and what stays. `is_whole`: nothing of ours is left but what was asked for."""

    gone: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    is_whole: bool = True


async def survey(home: Home, *, keeps_evidence: bool) -> Plan:
    """What there is. Changes nothing."""
    plan = Plan()
    if home.is_of_containers:
        store = traces.store_of(home.folder)
        for service, words in traces.held(store).items():
            plan.goes.append(f"{service}: {', '.join(words)}: given back")
        try:
            async with asyncio.timeout(ENGINE_ANSWERS_S):
                await _survey_engine(home, plan)
        except (TimeoutError, EverupError) as error:
            plan.fault = str(error) or "the engine does not answer"
    plan.goes += [
        f"{service}: held in the router: given back"
        for service in sorted(held_services(home.folder))
    ]
    ours, strange = files.found(home.folder)
    evidence = [entry for entry in ours if files.is_evidence(entry)]
    going = [e for e in ours if not (keeps_evidence and e in evidence)]
    if going:
        plan.goes.append(f"{home.folder}: {files.said(going)}")
    if keeps_evidence and evidence:
        plan.stays.append(f"{home.folder}: {files.said(evidence)}, as asked for")
    plan.stays += [f"{entry}: Everup did not make it" for entry in strange[:SHOWN_MOST]]
    return plan


async def leave(home: Home, *, keeps_evidence: bool) -> Parting:
    """Do it."""
    parting, keep = Parting(), set[str]()
    if home.is_of_containers:
        try:
            await _leave_engine(home, parting, keep)
        except EverupError as error:
            _engine_is_away(home, str(error), parting, keep)
    if home.is_of_processes:
        await _leave_processes(home, parting, keep)
    await _leave_router(home, parting, keep)
    ours, _ = files.found(home.folder)
    if keeps_evidence:
        keep |= {entry.name for entry in ours if files.is_evidence(entry)}
    going = [entry for entry in ours if entry.name not in keep]
    not_gone = await asyncio.to_thread(files.remove, home.folder, sorted(keep))
    if going:
        parting.gone.append(f"{home.folder}: {files.said(going)}")
    parting.stays += not_gone
    left = [line for line in not_gone if files.IN_USE not in line]  # that is as it should be
    parting.is_whole = parting.is_whole and not left
    return parting


async def _leave_router(home: Home, parting: Parting, keep: set[str]) -> None:
    """Servers that are held take requests again; what does not answer stays noted."""
    try:
        parting.gone += await release_noted(home.folder, BootClock())
    except EverupError as error:
        keep.add(NOTES_FILE)
        parting.stays.append(f"not given back: {error}")
        parting.is_whole = False


async def _survey_engine(home: Home, plan: Plan) -> None:
    door = Engine()
    await door.open()
    try:
        seen = await traces.find(door, home.name, traces.store_of(home.folder))
        left = await rehearsal.leftovers(door)
    finally:
        await door.close()
    plan.goes += [f"the copy {name}, which Everup made" for name in seen.copies]
    plan.goes += [f"the image name {name}; the image stays" for name in seen.pinned]
    plan.goes += [f"{name}, left from a rehearsal" for name in left]
    plan.stays += [*stray_notes(seen), *seen.limited]


def stray_notes(seen: traces.Traces) -> list[str]:
    """What is not ours to take away, and how its owner does."""
    notes = [
        f"{name}: moved aside by an Everup whose notes are gone; docker rm {name}, or docker rename"
        for name in seen.stray
    ]
    return notes + [
        f"{name}: Everup's own container, started by you; take it out of your Compose file, or "
        f"docker rm -f {name}"
        for name in seen.own
    ]


async def _leave_engine(home: Home, parting: Parting, keep: set[str]) -> None:
    """Everything on the engine; what cannot be given back stays noted.

    Raises:
        EverupError: it does not answer, or another Everup watches.
    """
    clock, store = BootClock(), traces.store_of(home.folder)
    plugin = load_runtime(FOUND)
    runtime = await plugin.create(home.stack(), home.folder, clock, Settings())
    try:
        said, failed = await _given_back(runtime, store, clock)
    finally:
        await runtime.close()
    if failed:  # the rest can go
        keep.add(files.DOCKER)
        parting.stays.append(f"not given back: {failed}")
        parting.is_whole = False
    waits = [line for line in said if asides.STAYS in line]
    said = [line for line in said if line not in waits]
    still_aside = waits if traces.are_aside(store) else []
    parting.stays += still_aside
    door = Engine()
    await door.open()
    try:
        seen = await traces.find(door, home.name, store)
        gone, stays = await traces.take_away(door, seen, store)
        gone += [f"{name}, left from a rehearsal" for name in await rehearsal.sweep(door)]
    finally:
        await door.close()
    parting.gone += [*(line for line in said if line not in seen.limited), *gone]
    parting.stays += [*stays, *stray_notes(seen), *seen.limited]
    still = traces.held(store)
    parting.is_whole = parting.is_whole and not (stays or still_aside or seen.limited)
    parting.stays += [f"{service}: {', '.join(words)}" for service, words in still.items()]


async def _given_back(runtime: Runtime, store: Store, clock: Clock) -> tuple[list[str], str]:
    """(What was, and why that is not all); waits for what has to prove itself first."""
    said: list[str] = []
    ends_s = clock.now() + PROVEN_WAIT_S
    while True:
        said, failed = [line for line in said if asides.STAYS not in line], ""
        try:
            said += await runtime.release()
        except StillHeld as error:
            said += [line for lines in error.given.values() for line in lines]
            failed = str(error)
        if not traces.are_aside(store) or clock.now() >= ends_s:
            return said, failed
        await clock.sleep(LOOK_AGAIN_S)


def _engine_is_away(home: Home, why: str, parting: Parting, keep: set[str]) -> None:
    store = traces.store_of(home.folder)
    parting.is_whole = False
    parting.stays.append(f"on the engine nothing could be looked for: {why}")
    words = [f"{service} ({', '.join(said)})" for service, said in traces.held(store).items()]
    pinned = [f"the image name {name}" for name in store.all(PINNED)]
    if words or pinned:
        keep.add(files.DOCKER)
        parting.stays.append(
            f"still held: {', '.join([*words, *pinned])}; {home.folder / files.DOCKER} says how to "
            "give it back: have the engine answer, then everup uninstall once more"
        )


async def _leave_processes(home: Home, parting: Parting, keep: set[str]) -> None:
    """Services are children of nobody: they run on. What they write into stays with them."""
    if home.loaded is None:
        keep |= {*files.PROCESSES, *files.OF_SERVICES}
        parting.is_whole = False
        parting.stays.append(
            f"{home.folder}: without its everup.yaml it is not known which processes are its "
            "services; name the file with -f"
        )
        return
    scaled = home.loaded.scaled()
    stack: Stack = scaled.stack
    try:
        plugin = load_runtime(stack.runtime)
        runtime = await plugin.create(stack, home.folder, BootClock(), scaled.settings)
        try:
            parting.gone += await runtime.release()
            listing = await runtime.list()
        finally:
            await runtime.close()
    except EverupError as error:
        keep |= {*files.PROCESSES, *files.OF_SERVICES}
        parting.is_whole = False
        parting.stays.append(f"what is held of the processes: {error}")
        return
    running = [one for one in listing.instances if one.state is not InstanceState.EXITED]
    if running:
        keep |= set(files.OF_SERVICES)
        folders = [n for n in files.OF_SERVICES if (home.folder / n).is_dir()]
        names = ", ".join(one.name for one in running[:SHOWN_MOST])
        more = f" and {len(running) - SHOWN_MOST} more" if len(running) > SHOWN_MOST else ""
        parting.stays.append(
            f"{names}{more} run on, and nobody starts them again; they write into "
            f"{', '.join(str(home.folder / n) for n in folders)}, which can go when they have ended"
        )
