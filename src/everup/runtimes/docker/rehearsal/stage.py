"""Makes the copy on a network of its own, hurts it, and takes all of it away again.

Flows in: an open engine, the owner's container as a document. Flows out: a running copy, a fault in
it, and nothing at the end. Everything bears the mark of this process. The owner's container is only
ever read.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from everup.model.errors import AskAHuman, EverupError, GiveUp
from everup.runtimes.docker.containers import TRY, section
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.rehearsal.copy import SICK, Names, Part, copy_of, stand_in_of
from everup.runtimes.docker.rehearsal.marks import labels, new_mark, sweep, token_of

ALONE_S = 10.0
"""Without a healthcheck: who has run for so long runs."""

WELL_MARGIN_S, WELL_MOST_S = 15.0, 150.0
POLL_S = 0.3
OUTPUT_CHARS_MOST = 4000
NANOSECONDS = 1_000_000_000
INSIDE = Path("/.dockerenv")


class Fault(StrEnum):
    """What may be played."""

    CRASH = "crash"
    HANG = "hang"
    UNHEALTHY = "unhealthy"


class Stage:
    """One rehearsal. `clear` it in any case."""

    def __init__(self, engine: Engine, service: str, document: Mapping[str, Any]) -> None:
        self._engine, self._document = engine, document
        self._mark = new_mark()
        token = token_of(self._mark)
        self.names = Names(f"{TRY}{token}", service, f"{TRY}{token}", self._mark)
        self._container = ""
        self._kills_itself = os.geteuid() != 0 or INSIDE.exists()

    async def build(self) -> None:
        """The network: nothing comes in or goes out.

        Raises:
            TryAgain, GiveUp: the engine does not make it.
        """
        body = {
            "Name": self.names.network,
            "Internal": True,
            "CheckDuplicate": True,
            "Labels": labels(self._mark),
        }
        await _to_its_end(self._engine.call("POST", "networks/create", body=body, deadline_s=30.0))

    async def play(self, part: Part, fault: Fault) -> str:
        """Have the copy or the stand-in run; "" once it is well, else why it is not."""
        await self._remove()
        if part is Part.COPY:
            body = copy_of(
                self._document,
                self.names,
                can_be_sick=fault is Fault.UNHEALTHY,
                has_init=fault is Fault.CRASH and self._kills_itself,
            )
        else:
            body = stand_in_of(self._document, self.names)
            if fault is Fault.CRASH and self._kills_itself:
                body["HostConfig"]["Init"] = True
        try:
            made = await _to_its_end(
                self._engine.call(
                    "POST",
                    "containers/create",
                    params={"name": self.names.container},
                    body=body,
                    deadline_s=30.0,
                )
            )
            self._container = str(made["Id"])
            await self._engine.call("POST", f"containers/{self._container}/start", deadline_s=30.0)
        except GiveUp as error:
            return str(error)
        return await self._until_well()

    async def hurt(self, fault: Fault) -> None:
        """Play the fault.

        Raises:
            AskAHuman: it cannot be played from here; says what can.
        """
        if fault is Fault.HANG:
            params = {"signal": "SIGSTOP"}
            await self._engine.call("POST", f"containers/{self._container}/kill", params=params)
        elif fault is Fault.UNHEALTHY:
            await self._run(f"touch {SICK}/sick")
        elif self._kills_itself:
            await self._run("kill -9 -1")
        else:
            await self._kill_from_here()

    async def clear(self) -> None:
        """Take all of it away, and what earlier ones left."""
        await sweep(self._engine, self._mark)

    async def last_words(self) -> str:
        """The last line that it wrote."""
        try:
            said = await self._engine.text(
                "GET",
                f"containers/{self._container}/logs",
                params={"stdout": True, "stderr": True, "tail": 3},
                is_tty=bool(section(self._document, "Config").get("Tty")),
                chars_most=OUTPUT_CHARS_MOST,
            )
        except (TimeoutError, EverupError):
            return ""
        return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")

    async def _until_well(self) -> str:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        patience_s = patience(section(section(self._document, "Config"), "Healthcheck"))
        while True:
            state = section(await self._engine.get(f"containers/{self._container}/json"), "State")
            health = str(section(state, "Health").get("Status") or "none")
            ran_s = loop.time() - began_s
            if not state.get("Running") or state.get("Restarting"):
                words = await self.last_words()
                return f"it ends with {state.get('ExitCode')}" + (f": {words}" if words else "")
            if health == "healthy" or (health == "none" and ran_s > ALONE_S):
                return ""
            if health == "unhealthy" or ran_s > patience_s:
                words = await self.last_words()
                return "its healthcheck fails" + (f"; it says: {words}" if words else "")
            await asyncio.sleep(POLL_S)

    async def _kill_from_here(self) -> None:
        """Without the engine being asked, which would take it for somebody's wish."""
        state = section(await self._engine.get(f"containers/{self._container}/json"), "State")
        pid = int(state.get("Pid") or 0)
        try:
            descriptor = os.pidfd_open(pid)
        except (OSError, ValueError):
            raise _out_of_reach() from None
        try:
            if self._container not in _groups_of(pid):
                raise _out_of_reach()
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except OSError:
            raise _out_of_reach() from None
        finally:
            os.close(descriptor)

    async def _run(self, line: str) -> None:
        made = await self._engine.call(
            "POST",
            f"containers/{self._container}/exec",
            body={"Cmd": ["/bin/sh", "-c", line], "AttachStdout": True, "AttachStderr": True},
        )
        body = {"Detach": True, "Tty": False}
        await self._engine.call("POST", f"exec/{made['Id']}/start", body=body)

    async def _remove(self) -> None:
        if self._container:
            params = {"force": True, "v": True}
            path = f"containers/{self._container}"
            await self._engine.call("DELETE", path, params=params, deadline_s=30.0)
            self._container = ""


async def _to_its_end(call: Coroutine[Any, Any, Any]) -> Any:
    """What the engine makes although nobody waits any more could not be cleared: be there first."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(EverupError):
            await task
        raise


def patience(check: Mapping[str, Any]) -> float:
    """How long a start may take until the healthcheck has passed once."""

    def seconds(name: str, otherwise: float) -> float:
        value = check.get(name)
        return float(value) / NANOSECONDS if isinstance(value, int) and value else otherwise

    tries = int(check.get("Retries") or 3)
    each_s = seconds("Interval", 30.0) + seconds("Timeout", 30.0)
    return min(seconds("StartPeriod", 0.0) + tries * each_s + WELL_MARGIN_S, WELL_MOST_S)


def _groups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text("utf-8", errors="replace")


def _out_of_reach() -> AskAHuman:
    return AskAHuman(
        "a crash cannot be played from here: the engine's processes are out of reach; "
        "try --fault hang"
    )
