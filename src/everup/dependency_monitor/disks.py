"""Is it a full disk? Of what fails, or died, while the disk that it writes to has no room. Pure.

Flows in: one instance as it was seen, and what was judged of it. Flows out: the full disk, or None,
and whether that is certain by now. Called by `causes`, and by `relate` for who shares a disk.

A full disk alone is no trouble: whoever passes its check is left alone. A process that cannot go on
by the kernel's own word is a hang, whatever its disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.assessment import Finding
from everup.model.disk import Disk
from everup.model.kinds import Cause
from everup.model.observation import Exit, InstanceObservation, Observation
from everup.model.settings import Settings
from everup.model.stack import FREE_SPACE_HOOK, ServiceSpec, Stack
from everup.model.state import StackState


def full_disk(observed: InstanceObservation, settings: Settings) -> Disk | None:
    """What a running instance cannot write to, by a sight that is not old."""
    disk = observed.instance.disk
    if disk is None or not disk.is_full:
        return None
    return disk if observed.read_at_s - disk.at_s <= settings.hang_lasts_s else None


def has_lasted(observed: InstanceObservation, disk: Disk, settings: Settings) -> bool:
    """Long enough to believe the first failing answer: by its own sights, not by the time since."""
    return disk.at_s - observed.full_since_s >= settings.hang_lasts_s


def of_the_dead(
    spec: ServiceSpec, dead: list[InstanceObservation], last: Exit | None, settings: Settings
) -> Disk | None:
    """Full when it died. Where its owner declared how space is freed, it is started instead: a
    hook speaks to what runs."""
    if last is None or last.is_out_of_memory or FREE_SPACE_HOOK in spec.hooks:
        return None
    for observed in dead:
        disk = observed.instance.disk
        if disk is not None and disk.is_full and last.at_s - disk.at_s <= settings.hang_lasts_s:
            return disk
    return None


def shared(
    findings: Mapping[str, Finding], stack: Stack, observation: Observation, state: StackState
) -> dict[str, tuple[str, ...]]:
    """Service → the one whose full disk is the same, which stands for all of them: who has an
    incident or is with a person already, then who can free space, then who fell ill first."""
    by_device: dict[str, list[str]] = {}
    for name, found in findings.items():
        if found.cause is Cause.DISK_FULL and found.is_root:
            for device in full_devices(observation, name):
                by_device.setdefault(device, []).append(name)
    open_on = state.by_root()
    explained: dict[str, tuple[str, ...]] = {}
    for names in by_device.values():
        first = min(
            names,
            key=lambda n: (
                n not in open_on and state.service(n).with_a_person is None,
                not findings[n].is_confirmed,
                FREE_SPACE_HOOK not in stack.services[n].hooks,
                findings[n].since_s,
                n,
            ),
        )
        explained |= {n: (first,) for n in names if n != first}
    return explained


def full_devices(observation: Observation, service: str) -> list[str]:
    """The devices that its instances find full."""
    seen = observation.services.get(service)
    disks = [i.instance.disk for i in seen.instances] if seen is not None else []
    return sorted({d.device for d in disks if d is not None and d.is_full and d.device})


def with_disk(found: Finding, disk: Disk) -> Finding:
    """The same finding of the dead, with what kept it from living."""
    return replace(
        found,
        cause=Cause.DISK_FULL,
        symptom=found.cause,
        reason=f"{found.reason}; {disk.text}",
    )
