"""One sample of history: `sample(services, observation, own) -> float32[signal, service]`, pure.

Called once per sample interval by `rooms`; the ring and the files on disk keep the same array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from everup.model.assessment import OwnHealth
from everup.model.history import INDEX, SIGNALS, FloatArray, Signal
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict
from everup.model.load import Load
from everup.model.observation import InstanceObservation, Observation
from everup.model.resources import NOT_MEASURED
from everup.model.stack import Stack

VALUE_MOST = 1e15
"""No signal is larger: bytes of a petabyte, seconds of ages."""
WORN = INDEX[Signal.RECEIVED_PER_S]
"""From here on signals are those of what runs out, in `worn`; before it come score and `_values`,
after it whatever is not said of instances."""

ASKED = INDEX[Signal.REQUESTS_PER_S]
"""From here on signals are those of what is asked of it, in the order of `_of_load`."""

Needs = Mapping[str, Sequence[tuple[str, float]]]
"""Service → what it depends on, each with its weight."""


def needs_of(stack: Stack) -> Needs:
    """As declared."""
    return {
        name: tuple((edge.target, edge.weight) for edge in spec.depends_on)
        for name, spec in stack.services.items()
        if spec.depends_on
    }


def sample(
    services: Sequence[str], observation: Observation, own: OwnHealth, needs: Needs | None = None
) -> FloatArray:
    """The signals of every service at this moment; what was not seen is NaN."""
    rows = np.full((len(services), len(SIGNALS)), np.nan)
    at_s = observation.at_s
    for place, name in enumerate(services):
        seen = observation.services.get(name)
        rows[place, 0] = own.score(name)
        if seen is not None and seen.is_known:
            *found_first, age_s = _values(seen.instances, at_s)
            rows[place, 1:WORN] = found_first
            rows[place, INDEX[Signal.AGE_S]] = age_s
            for signal, value in worn(seen.instances, at_s).items():
                rows[place, INDEX[signal]] = value
            if seen.load is not None:
                rows[place, ASKED : ASKED + 5] = _of_load(seen.load)
        if needs and name in needs:
            rows[place, INDEX[Signal.DEPENDENCY_HEALTH]] = _of_needs(needs[name], own)
    found = np.asarray(rows.T, dtype=np.float32, order="C").copy()
    found.setflags(write=False)
    return found


def believable(seen: FloatArray) -> FloatArray:
    """The sample without what no signal can be: infinities and absurd sizes are unknown."""
    is_good = np.abs(seen) <= VALUE_MOST  # false for NaN
    if np.all(is_good | np.isnan(seen)):
        return seen
    found = np.where(is_good, seen, np.float32(np.nan))
    found.setflags(write=False)
    return found


def _values(instances: Sequence[InstanceObservation], at_s: float) -> tuple[float, ...]:
    """The signals that nearly every service has, in their order, and its age, in one pass: there
    may be thousands of services.

    A comparison with NaN is false, which is what leaves the unknown out.
    """
    cpu, cpus, up, probed, passing = 0.0, 0, 0, 0, 0
    ratio = size = latency_s = errors = started_s = -1.0
    for one in instances:
        if one.instance.state is not InstanceState.RUNNING:
            continue
        up += 1
        if one.cpu_ratio >= 0.0:
            cpu += one.cpu_ratio
            cpus += 1
        if one.memory_ratio > ratio:
            ratio = one.memory_ratio
        if one.instance.started_at_s > started_s:
            started_s = one.instance.started_at_s
        if one.instance.memory_bytes > size:
            size = one.instance.memory_bytes
        probe = one.probe
        if probe is None or probe.verdict is ProbeVerdict.UNKNOWN:
            continue
        probed += 1
        passing += probe.verdict is ProbeVerdict.PASS
        if probe.verdict is ProbeVerdict.PASS and probe.latency_s > latency_s:
            latency_s = probe.latency_s
        if probe.error_ratio > errors:
            errors = probe.error_ratio
    return (
        cpu / cpus if cpus else UNKNOWN,
        ratio if ratio >= 0.0 else UNKNOWN,
        size if size >= 0.0 else UNKNOWN,
        latency_s if latency_s >= 0.0 else UNKNOWN,
        errors if errors >= 0.0 else UNKNOWN,
        passing / probed if probed else UNKNOWN,
        float(up),
        at_s - started_s if started_s >= 0.0 else UNKNOWN,
    )


def worn(instances: Sequence[InstanceObservation], at_s: float) -> Mapping[Signal, float]:
    """What runs out, and what there is to do, as far as it was seen. Of several instances the one
    that is worst off; traffic is added up."""
    found: dict[Signal, float] = {}
    for one in instances:
        if one.instance.state is not InstanceState.RUNNING:
            continue
        _of_listing(one, found)
        if one.probe is not None and one.probe.certificate_ends_s > 0.0:
            left_s = one.probe.certificate_ends_s - at_s
            known_s = found.get(Signal.CERTIFICATE_LEFT_S, left_s)
            found[Signal.CERTIFICATE_LEFT_S] = min(known_s, left_s)
    return found


def _of_listing(one: InstanceObservation, found: dict[Signal, float]) -> None:
    seen = one.instance.resources
    queue = one.instance.accept_queue
    if queue >= 0.0:
        _worst(found, Signal.QUEUE, queue)
    if seen is NOT_MEASURED and one.instance.disk is None:
        return
    if queue >= 0.0 and seen.queue_most > 0.0:
        _worst(found, Signal.QUEUE_RATIO, queue / seen.queue_most)
    _worst(found, Signal.DESCRIPTORS_RATIO, seen.descriptors_ratio)
    _worst(found, Signal.CONNECTIONS, seen.connections)
    _worst(found, Signal.CONNECTIONS_RATIO, seen.connections_ratio)
    _worst(found, Signal.THROTTLED_RATIO, one.throttled_ratio)
    _worst(found, Signal.GPU_RATIO, seen.gpu_ratio)
    _worst(found, Signal.GPU_MEMORY_RATIO, seen.gpu_memory_ratio)
    for signal, rate in (
        (Signal.RECEIVED_PER_S, one.received_per_s),
        (Signal.SENT_PER_S, one.sent_per_s),
    ):
        if rate >= 0.0:
            found[signal] = found.get(signal, 0.0) + rate
    for disk in (one.instance.disk, seen.layer):
        if disk is None or not disk.free_ratio >= 0.0:
            continue
        used = 1.0 - disk.free_ratio
        if not used <= found.get(Signal.DISK_RATIO, -1.0):
            found[Signal.DISK_RATIO] = used
            found[Signal.DISK_FREE_BYTES] = disk.free_bytes


def _of_load(load: Load) -> tuple[float, ...]:
    return (
        load.requests_per_s,
        load.failures_per_s,
        load.latency_s,
        load.sessions,
        load.queue,
    )


def _worst(found: dict[Signal, float], signal: Signal, value: float) -> None:
    if value >= 0.0 and not value <= found.get(signal, -1.0):
        found[signal] = value


def _of_needs(needs: Sequence[tuple[str, float]], own: OwnHealth) -> float:
    """How well what it depends on is, each by its weight; unknown where none of it is known."""
    worst = UNKNOWN
    for target, weight in needs:
        felt = 1.0 - weight * (1.0 - own.score(target))
        if felt >= 0.0 and not worst <= felt:
            worst = felt
    return worst
