"""Services as real processes of this host, which outlive Everup and are found again after it.

Enters as the plugin `processes` of the group `everup.runtimes`: a plugin is a module with
`MANIFEST` and `create`. Read `runtime.py` for the verbs, `house.py` for what they are made of,
`identity.py` for why no stranger is ever signalled, `adoption.py` for what follows a crash of
Everup.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from everup.loop.ports import Clock
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.sums import SumKey
from everup.runtimes.life_key import key_of_this_life
from everup.runtimes.processes.manifest import MANIFEST
from everup.runtimes.processes.runtime import ProcessRuntime


async def create(
    stack: Stack,
    state_dir: Path,
    clock: Clock,
    settings: Settings,
    *,
    key: SumKey | None = None,
    environ: Mapping[str, str] | None = None,
) -> ProcessRuntime:
    """A runtime over this stack, open, with everything adopted that ran already.

    `environ` is what instances inherit under their own variables; Everup's own by default. `key`:
    versions are made with it; without one they hold for this life.

    Raises:
        AskAHuman: another Everup controls this folder; names its pid.
        GiveUp: the folder or the kernel will not do.
    """
    inherited = os.environ if environ is None else environ
    sums = key or key_of_this_life()
    runtime = ProcessRuntime(stack, state_dir, clock, settings, inherited, sums)
    await runtime.open()
    return runtime


__all__ = ["MANIFEST", "ProcessRuntime", "create"]
