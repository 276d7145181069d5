"""What runs against what is declared: processes of services that were removed, old declarations.

Flows in: records of running lives, the declarations of now. Flows out: a sentence for each
difference. Called at every listing; nothing is done about any of it: its owner decides. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from everup.model.runtime import Mismatch
from everup.model.stack import Stack
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.declared import Declarations
from everup.runtimes.processes.records import Record

MATTERS_AT_START = ("command", "directory", "env", "user", "port", "stop_signal")
"""Instances and limits are changed while it runs. Names only: `env` may hold secrets."""


def mismatches(
    running: Iterable[Record], declarations: Declarations, stack: Stack
) -> tuple[Mismatch, ...]:
    """In the order of the records."""
    found = (_mismatch(record, declarations, stack) for record in running)
    return tuple(mismatch for mismatch in found if mismatch is not None)


def _mismatch(record: Record, declarations: Declarations, stack: Stack) -> Mismatch | None:
    if record.service not in stack.services:
        text = (
            f"{record.name} (process {record.pid}) runs and is not declared any more; it is left "
            f"alone: declare it again, or end it with: kill {record.pid}"
        )
        return Mismatch(record.service, record.name, text, is_running_extra=True)
    declared = declarations.of(record.service)
    if record.index >= declared.instances:
        text = (
            f"{record.name} (process {record.pid}) runs, and only {declared.instances} of "
            f"{record.service} are declared; end it with: kill {record.pid}"
        )
        return Mismatch(record.service, record.name, text)
    if record.configuration is None:
        return None
    if changed := _changed(record.configuration, declared):
        text = (
            f"{record.name} runs with an older declaration ({', '.join(changed)}); "
            f"apply the present one with: everup heal {record.service}"
        )
        return Mismatch(record.service, record.name, text)
    return None


def _changed(runs: Configuration, declared: Configuration) -> list[str]:
    return [name for name in MATTERS_AT_START if getattr(runs, name) != getattr(declared, name)]
