"""A stack for a recording of which nobody has an `everup.yaml`: its services, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence

from everup.model.kinds import Mode
from everup.model.stack import ProbeSpec, ServiceSpec, Stack

ASSUMED = "replayed"


def of_names(names: Sequence[str], stack_name: str = "", mode: Mode = Mode.AUTO) -> Stack:
    """Each of them probed, needing nobody."""
    probe = ProbeSpec(http="http://127.0.0.1/")
    services = {name: ServiceSpec(name, probe=probe) for name in names}
    return Stack(stack_name or ASSUMED, services, mode=mode)
