"""How near to its end an instance is, by cause: `level(cause, …)`, `has_come(cause, …)`. Pure.

Everything is a share of its limit; NaN: no limit is known, or nobody can look, and then nothing is
foretold and nothing has come. `predictive_monitor` draws lines towards the end, `loop.foretold`
asks whether what was foretold has come.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.disk import amount, fullest
from everup.model.kinds import UNKNOWN, Cause, is_known
from everup.model.observation import InstanceObservation

AT_ITS_LIMIT = 0.98
DISK_IS_FULL = 0.99
"""From there on what was foretold has come."""

COMES: Mapping[Cause, str] = {
    Cause.LEAK: "its memory is at its limit",
    Cause.DISK_FILLING: "its disk is full",
    Cause.DESCRIPTOR_LEAK: "it has as many files open as it may",
    Cause.CONNECTIONS_FULL: "it has as many connections as it takes",
    Cause.QUEUE_FULL: "its accept queue is full",
    Cause.CERTIFICATE_EXPIRES: "its certificate has ended",
}
"""How it is said that it has come."""


def has_come(cause: Cause, one: InstanceObservation, now_s: float) -> bool:
    """Is this instance where it was foretold to be?"""
    end = DISK_IS_FULL if cause is Cause.DISK_FILLING else AT_ITS_LIMIT
    return level(cause, one, now_s) >= end


def level(cause: Cause, one: InstanceObservation, now_s: float = UNKNOWN) -> float:
    """How much of what this cause is about is used, 1 is the end. Of a certificate, which is a date
    and no share: 1 once it has ended, else 0."""
    seen = one.instance.resources
    match cause:
        case Cause.LEAK | Cause.MEMORY_PRESSURE:
            return one.memory_ratio
        case Cause.DISK_FILLING:
            disk = fullest([d for d in (one.instance.disk, seen.layer) if d is not None])
            return UNKNOWN if disk is None else 1.0 - disk.free_ratio
        case Cause.DESCRIPTOR_LEAK:
            return seen.descriptors_ratio
        case Cause.CONNECTIONS_FULL:
            return seen.connections_ratio
        case Cause.QUEUE_FULL:
            return one.instance.accept_queue / seen.queue_most if seen.queue_most > 0 else UNKNOWN
        case Cause.CERTIFICATE_EXPIRES:
            ends_s = UNKNOWN if one.probe is None else one.probe.certificate_ends_s
            return float(ends_s <= now_s) if is_known(ends_s) else UNKNOWN
        case _:
            return UNKNOWN


def amounts(cause: Cause, one: InstanceObservation) -> str:
    """What is left of it in numbers that mean something: `, 3.1 GiB free at /data`; "" where the
    share says enough."""
    seen = one.instance.resources
    match cause:
        case Cause.DISK_FILLING:
            disk = fullest([d for d in (one.instance.disk, seen.layer) if d is not None])
            return "" if disk is None else f", {amount(disk.free_bytes)} free at {disk.where}"
        case Cause.DESCRIPTOR_LEAK:
            return f", {seen.descriptors:.0f} of {seen.descriptors_most:.0f}"
        case Cause.CONNECTIONS_FULL:
            return f", {seen.connections:.0f} of {seen.connections_most:.0f}"
        case Cause.QUEUE_FULL:
            return f", {one.instance.accept_queue:.0f} of {seen.queue_most:.0f} wait"
        case _:
            return ""
