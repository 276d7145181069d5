"""A service as scaling sees it: how many copies there are, which are sick, what each may use.

Flows in: the declaration, what was seen, what is remembered. Flows out: a ServiceScale, for
`change` and for whoever shows it. What was not seen is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, InstanceState, is_known
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.scaling import BORNE_MOST
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState

_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True)
class ServiceScale:
    """`leaving`: in the order in which copies would go. Limits are those of the copy with the
    smallest one; infinite: there is none, NaN: not seen."""

    wanted: int
    instances: int  # that there are, running or not
    running: int
    leaving: tuple[str, ...]
    memory_limit_bytes: float = UNKNOWN
    cpus: float = UNKNOWN
    memory_most_bytes: float = UNKNOWN  # of the copy that uses most of it now
    borne: int = BORNE_MOST  # that the machine is taken to bear, where nobody declared a most


def scale_of(
    spec: ServiceSpec,
    seen: ServiceObservation | None,
    remembered: ServiceState,
    sick: Collection[str] = (),
) -> ServiceScale:
    """`sick`: names of copies that something is wrong with; they are the first to go."""
    wanted = remembered.instances_wanted or spec.instances
    if seen is None or not seen.is_known:
        return ServiceScale(wanted, 0, 0, ())
    instances = seen.instances
    running = [one for one in instances if _runs(one)]
    used = [one.instance.memory_bytes for one in running if is_known(one.instance.memory_bytes)]
    order = sorted(instances, key=lambda one: _last_to_go(one, sick))
    return ServiceScale(
        wanted=wanted,
        instances=len(instances),
        running=len(running),
        leaving=tuple(one.instance.name for one in order),
        memory_limit_bytes=_least([one.instance.memory_limit_bytes for one in instances]),
        cpus=_least([one.instance.cpus for one in instances]),
        memory_most_bytes=max(used, default=UNKNOWN),
    )


def _runs(one: InstanceObservation) -> bool:
    return one.instance.state is InstanceState.RUNNING


def _last_to_go(one: InstanceObservation, sick: Collection[str]) -> tuple[bool, bool, int, str]:
    """What does not run goes first, then what is sick, then the highest number."""
    name = one.instance.name
    found = _NUMBER.search(name)
    return _runs(one), name not in sick, -(int(found[1]) if found else 0), name


def _least(limits: list[float]) -> float:
    """Where none is known, there is none."""
    known = [limit for limit in limits if is_known(limit)]
    return min(known, default=float("inf") if limits else UNKNOWN)
