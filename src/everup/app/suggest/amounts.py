"""How much memory a service may have, and how long it may take to end. Pure; for `suggest`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from everup.app.suggest.advice import Advice
from everup.model.kinds import is_known
from everup.runtimes.docker.discovery import Container

MIB = 1024 * 1024
FACTOR = 1.5
STEP_BYTES = 64 * MIB
YOUNG_S = 600.0
"""Younger than this, what a service uses says little of what it will use."""

GRACE_LEAST_S = 60
DEFAULT_GRACE_S = 10.0


def memory_limit(
    service: str,
    copies: Sequence[Container],
    used_bytes: Mapping[str, float],
    now_s: float,
    *,
    is_stateful: bool,
) -> Advice | None:
    """From the copy that uses most; None: it has a limit, or nothing was measured."""
    seen = [used_bytes[one.id] for one in copies if one.id in used_bytes]
    seen = [used for used in seen if is_known(used) and used > 0]
    if not seen or any(is_known(one.memory_bytes) for one in copies):
        return None
    most = max(seen)
    limit = max(1, math.ceil(most * FACTOR / STEP_BYTES)) * STEP_BYTES // MIB
    why = f"it uses {_shown(most)} now; half as much again, in steps of 64 MiB"
    ages = [now_s - one.lived.started_at for one in copies if is_known(one.lived.started_at)]
    is_young = not ages or min(ages) < YOUNG_S
    if is_stateful:
        why += ". It keeps data, and a limit that is too small kills it: yours to decide"
    elif is_young:
        why += ". It has not run for 10 min yet: look again under load"
    return Advice(service, "mem_limit", f"{limit}m", why, not is_stateful and not is_young)


def stop_grace(service: str, first: Container, because: Sequence[str]) -> Advice | None:
    """For one that keeps data; None where its time is long enough."""
    grace_s = DEFAULT_GRACE_S if first.stop_timeout_s is None else first.stop_timeout_s
    if grace_s < 0 or grace_s >= GRACE_LEAST_S:
        return None
    reason = because[0] if because else "its label says so"
    why = f"it keeps data ({reason}), and is killed after {grace_s:g} s today while it may write"
    return Advice(service, "stop_grace_period", f"{GRACE_LEAST_S}s", why, is_active=True)


def _shown(amount_bytes: float) -> str:
    return f"{amount_bytes / MIB:.0f} MiB" if amount_bytes >= MIB else "less than 1 MiB"
