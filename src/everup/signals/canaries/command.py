"""The exec canary: runs `true`. It fails when no process can be started or none gets to run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from everup.signals.canaries.choir import Unavailable
from everup.signals.child import Children, Order
from everup.signals.deadline import DeadlinePassed, within

PROGRAM = "true"


class CommandCanary:
    """Has a slot of its own: probes that hang must not look like our own trouble."""

    name = "exec"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._program = shutil.which(PROGRAM, path=environ.get("PATH"))
        self._children = Children()

    async def sing(self, timeout_s: float) -> str:
        """Empty when `true` ran and was true.

        Raises:
            Unavailable: there is no `true` on PATH.
        """
        if self._program is None:
            raise Unavailable(f"there is no `{PROGRAM}` on PATH to run")
        try:
            order = Order((self._program,), "/")
            finished = await within(timeout_s, self._children.run(order))
        except DeadlinePassed as passed:
            return f"{self._program} did not end: {passed}"
        except OSError as error:
            return f"{self._program} cannot be started: {error.strerror or error}"
        if finished.code != 0:
            return f"{self._program} ended with {finished.code}"
        return ""

    async def close(self) -> None:
        """Kill what still runs."""
        await self._children.close()
