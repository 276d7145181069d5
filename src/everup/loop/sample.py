"""One sample of history: `sample(services, observation, own) -> float32[signal, service]`, pure.

Called once per sample interval by `rooms`; the ring and the files on disk keep the same array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everup.model.assessment import OwnHealth
from everup.model.history import SIGNALS, FloatArray
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict
from everup.model.observation import InstanceObservation, Observation

NOTHING = (UNKNOWN,) * (len(SIGNALS) - 1)


def sample(services: Sequence[str], observation: Observation, own: OwnHealth) -> FloatArray:
    """The signals of every service at this moment; what was not seen is NaN."""
    rows = []
    for name in services:
        seen = observation.services.get(name)
        is_seen = seen is not None and seen.is_known
        values = _values(seen.instances, observation.at_s) if seen and is_seen else NOTHING
        rows.append((own.score(name), *values))
    found = np.array(rows, dtype=np.float32).reshape(len(services), len(SIGNALS)).T.copy()
    found.setflags(write=False)
    return found


def _values(instances: Sequence[InstanceObservation], at_s: float) -> tuple[float, ...]:
    """All signals but the score, in their order, in one pass: there may be thousands of services.

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
