"""Runs an owner's declared hook for running containers and puts the answers together.

Flows in: the hook and the containers. Flows out: what they said, headed by their names when there
are several. A command runs inside of the container; an HTTP hook is called from here. The first
failure is raised when all have answered. A command that runs out of time is ended where its process
can be reached, and said to live on where not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence

from everup.model.errors import EverupError, GiveUp, HookFailed, TryAgain
from everup.model.stack import HOST_MARK, HookSpec
from everup.runtimes import hook_http, recipes
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.hosts import is_process_of
from everup.runtimes.docker.instances import address_of

HOOKS_AT_ONCE = 2
OUTPUT_CHARS_MOST = 16 * 1024
DETAIL_CHARS_MOST = 500


async def run(
    engine: Engine,
    name: str,
    hook: HookSpec,
    containers: Sequence[Container],
    near: Callable[[Container], str | None],
) -> str:
    """Output of all containers, the end of it kept; of none nothing. `near`: where one is certain
    to be reached.

    Raises:
        HookFailed, GiveUp, TryAgain: of the first container that failed, in order.
    """
    if not containers:
        return ""
    timeout_s = hook.timeout_s
    if sum(map(bool, (hook.command, hook.http, hook.recipe))) != 1:
        raise GiveUp(f"hook {name}: declare exactly one of command, http and recipe")
    turns = asyncio.Semaphore(HOOKS_AT_ONCE)

    async def one(container: Container) -> str:
        what, address = f"hook {name} of {container.name}", near(container) or address_of(container)
        async with turns:
            if hook.recipe is not None:
                return await recipes.run(
                    hook.recipe,
                    what,
                    timeout_s,
                    host=address,
                    execute=lambda words: execute(engine, container, words, what, timeout_s),
                )
            if hook.http:
                return await hook_http.call(_filled(hook.http, container, address), what, timeout_s)
            return await execute(engine, container, hook.command, what, timeout_s)

    answers = await asyncio.gather(*map(one, containers), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    said = [str(answer) for answer in answers]
    if len(said) == 1:
        return said[0]
    share = OUTPUT_CHARS_MOST // max(len(said), 1)
    pairs = zip(containers, said, strict=True)
    return "\n".join(f"{c.name}: {text[-share:].rstrip()}" for c, text in pairs)


def _filled(line: str, container: Container, address: str | None) -> str:
    if HOST_MARK in line and address is None:
        raise GiveUp(f"{container.name} has no address of its own to call from here")
    return line.replace(HOST_MARK, address or "")


async def execute(
    engine: Engine, container: Container, command: Sequence[str], what: str, timeout_s: float
) -> str:
    """Run a command in a container to its end."""
    body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
    made = await engine.call("POST", f"containers/{container.id}/exec", body=body)
    try:
        said = await engine.text(
            "POST",
            f"exec/{made['Id']}/start",
            body={"Detach": False, "Tty": False},
            deadline_s=timeout_s,
            chars_most=OUTPUT_CHARS_MOST,
        )
    except TimeoutError:
        end = await _end(engine, str(made["Id"]), container)
        raise TryAgain(f"{what} took longer than {timeout_s:g} s and {end}") from None
    code = (await engine.get(f"exec/{made['Id']}/json")).get("ExitCode")
    if code:
        detail = " ".join(said.split())[-DETAIL_CHARS_MOST:]
        raise HookFailed(f"{what} ended with {code}: {detail}", int(code))
    return said


async def _end(engine: Engine, execution: str, container: Container) -> str:
    with contextlib.suppress(EverupError, OSError):
        found = await engine.get(f"exec/{execution}/json")
        pid = int(found.get("Pid") or 0)
        if not found.get("Running"):
            return "has ended since"
        if pid > 1 and is_process_of(pid, container.id):
            os.kill(pid, signal.SIGKILL)
            return "was ended"
    return "may still run in there"
