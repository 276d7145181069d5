"""Can what containers use be read from the kernel's files? Pure; accounting looks."""

from __future__ import annotations

from everup.app.doctor.findings import Finding, ok, weak
from everup.runtimes.docker.accounting import Reach

CHECK = "control groups"


def judge_reach(reach: Reach) -> Finding:
    """Without, the engine's statistics are asked for, which cost more and tell less."""
    if reach.is_host_visible and reach.are_processes_visible:
        return ok(CHECK, f"the containers' control groups ({reach.version}) and processes are seen")
    lost = (
        "the engine is asked for figures, which costs it more"
        if not reach.is_host_visible
        else "waiting connections and processes that hang are not seen"
    )
    return weak(CHECK, f"{reach.why_not}: {lost}", reach.fix)
