"""Runs an owner's declared hook for every running instance and puts the answers together.

Flows in: the hook, the running lives and what they were started with. Flows out: what they said, a
part per instance. The first failure is raised when all have answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from everup.model.errors import GiveUp
from everup.model.stack import HookSpec
from everup.runtimes import hook_http, recipes
from everup.runtimes.processes import hook_command
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.orders import Order, order
from everup.runtimes.processes.records import Record, instance_name
from everup.runtimes.processes.threads import Threads

HOOKS_AT_ONCE = 2
LOOPBACK = "127.0.0.1"
OUTPUT_CHARACTERS_MOST = 16 * 1024


async def run(
    name: str,
    hook: HookSpec,
    records: Sequence[Record],
    configuration: Configuration,
    environ: Mapping[str, str],
    threads: Threads,
    timeout_s: float,
) -> str:
    """Output of all instances, headed by their names when there are several, the end of it kept.

    Raises:
        GiveUp, TryAgain: the first instance that failed, in order.
    """
    if sum(map(bool, (hook.command, hook.http, hook.recipe))) != 1:
        raise GiveUp(f"hook {name}: declare exactly one of command, http and recipe")
    gate = asyncio.Semaphore(HOOKS_AT_ONCE)

    async def one(record: Record) -> str:
        what = f"hook {name} of {record.name}"
        async with gate:
            if hook.recipe is not None:
                return await recipes.run(
                    hook.recipe, what, timeout_s, host=LOOPBACK, port=record.port
                )
            if hook.http:
                return await hook_http.call(_fill(hook.http, record), what, timeout_s)
            command = tuple(_fill(part, record) for part in hook.command)
            used = record.configuration or configuration
            checked = order(record.service, record.index, replace(used, command=command), environ)
            return await _command(checked, what, timeout_s, threads)

    results = await asyncio.gather(*map(one, records), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return _together(records, [str(result) for result in results])


async def _command(checked: Order, what: str, timeout_s: float, threads: Threads) -> str:
    return await threads.run_hook(
        lambda is_unwanted: hook_command.run(checked, what, timeout_s, is_unwanted)
    )


def _fill(text: str, record: Record) -> str:
    return text if record.port is None else text.replace("{port}", str(record.port))


def _together(records: Sequence[Record], outputs: Sequence[str]) -> str:
    if len(outputs) == 1:
        return outputs[0][-OUTPUT_CHARACTERS_MOST:]
    share = OUTPUT_CHARACTERS_MOST // max(len(outputs), 1)
    parts = [
        f"{instance_name(*record.key)}: {text[-share:].rstrip()}"
        for record, text in zip(records, outputs, strict=True)
    ]
    return "\n".join(parts)
