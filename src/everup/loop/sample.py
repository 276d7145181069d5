"""One sample of history: `sample(services, observation, own) -> float32[signal, service]`, pure.

Called once per sample interval by `rooms`; the ring and the files on disk keep the same array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from everup.model.assessment import OwnHealth
from everup.model.history import INDEX, SIGNALS, FloatArray, Signal
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict
from everup.model.observation import InstanceObservation, Observation

_SAYS_NOTHING = frozenset({ProbeVerdict.UNKNOWN})


def sample(services: Sequence[str], observation: Observation, own: OwnHealth) -> FloatArray:
    """The signals of every service at this moment; what was not seen is NaN."""
    found = np.full((len(SIGNALS), len(services)), UNKNOWN, dtype=np.float32)
    for column, name in enumerate(services):
        found[INDEX[Signal.SCORE], column] = own.score(name)
        seen = observation.services.get(name)
        if seen is not None and seen.is_known:
            for signal, value in _values(seen.instances).items():
                found[INDEX[signal], column] = value
    found.setflags(write=False)
    return found


def _values(instances: Sequence[InstanceObservation]) -> dict[Signal, float]:
    running = [i for i in instances if i.instance.state is InstanceState.RUNNING]
    probes = [i.probe for i in running if i.probe and i.probe.verdict not in _SAYS_NOTHING]
    cpu = _known(i.cpu_ratio for i in running)
    passing = sum(p.verdict is ProbeVerdict.PASS for p in probes)
    return {
        Signal.CPU_RATIO: sum(cpu) / len(cpu) if cpu else UNKNOWN,
        Signal.MEMORY_RATIO: _most(i.memory_ratio for i in running),
        Signal.MEMORY_BYTES: _most(i.instance.memory_bytes for i in running),
        Signal.LATENCY_S: _most(p.latency_s for p in probes),
        Signal.ERROR_RATIO: _most(p.error_ratio for p in probes),
        Signal.PROBE_OK: passing / len(probes) if probes else UNKNOWN,
        Signal.INSTANCES_UP: float(len(running)),
    }


def _known(values: Iterable[float]) -> list[float]:
    return [value for value in values if value == value]


def _most(values: Iterable[float]) -> float:
    return max(_known(values), default=UNKNOWN)
