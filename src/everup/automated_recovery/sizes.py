"""When the cure is another size or another place, which is not recovery's own trade. Pure.

Flows in: a service, its cause, how its lives ended. Flows out: whether its memory limit is the
fault, and what a person is offered beside. Called by `propose`.
"""

from __future__ import annotations

from everup.model.kinds import Cause, is_known
from everup.model.observation import ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec


def too_small(
    spec: ServiceSpec, cause: Cause, seen: ServiceObservation | None, settings: Settings
) -> bool:
    """A crash loop, in which every one of the latest deaths was for lack of memory: starting it
    again did not last. One such death alone is a crash like any other."""
    if cause is not Cause.CRASH_LOOP or seen is None:
        return False
    latest = sorted(seen.exits, key=lambda death: death.at_s)[-settings.crash_loop_exits :]
    if len(latest) < settings.crash_loop_exits or not all(d.is_out_of_memory for d in latest):
        return False
    limits = [one.instance.memory_limit_bytes for one in seen.instances]
    return any(is_known(limit) for limit in (*limits, spec.limits.memory_bytes))


def offers(spec: ServiceSpec) -> str:
    """What else a person could have done; never by Everup itself."""
    parts = []
    if spec.standby:
        parts.append(
            f" Its standby {spec.standby} can take its place:"
            f" everup heal {spec.name} --type failover"
        )
    if spec.has_instances_to_spare and not spec.is_stateful:
        parts.append(
            f" To cut a sick one off and keep the others: everup heal {spec.name} --type isolate"
            " --instance NAME"
        )
    return ".".join(parts)
