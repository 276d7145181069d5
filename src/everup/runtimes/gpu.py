"""Graphics processors, through NVIDIA's own library (NVML), where it is installed; else unknown.

Flows in: the processes of an instance. Flows out: how busy and how full the device is that they use
most of. The library is loaded by its name and nothing is installed for it. It talks to a driver
that may hang, so each reading is made in a thread of its own that nobody waits for: `latest` gives
what the last one saw, as long as that is not old.

Processes are told by their numbers on the host. Where those cannot be seen, as in a container
without the host's processes, no use is found, and nothing is known.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from everup.model.kinds import UNKNOWN

LIBRARY = "libnvidia-ml.so.1"
INTERVAL_S = 15.0
STALE_S = 60.0
DEVICES_MOST = 16
PROCESSES_MOST = 512
_NO_VALUE = 2**64 - 1
"""What the library says for the memory of a process that it cannot tell."""
_PROCESSES = (
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetComputeRunningProcesses_v2",
)


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class _Rates(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Process(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


@dataclass(frozen=True, slots=True)
class Device:
    """One device: who computes on it, with the bytes that each has there."""

    ratio: float
    memory_ratio: float
    bytes_of: dict[int, float]


def of_processes(devices: Sequence[Device], pids: Collection[int]) -> tuple[float, float]:
    """(busy, full) of the device on which these processes have most; unknown where they have
    nothing."""
    best, most = None, -1.0
    for device in devices:
        mine = [device.bytes_of[pid] for pid in pids if pid in device.bytes_of]
        if mine and sum(mine) > most:
            best, most = device, sum(mine)
    return (UNKNOWN, UNKNOWN) if best is None else (best.ratio, best.memory_ratio)


def load() -> Any:
    """The library, or None where it is not installed."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


class Gpus:
    """All devices of this machine. `latest` may be called from any thread."""

    def __init__(
        self,
        find: Callable[[], Any] = load,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._library = find()
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked_at_s = float("-inf")
        self._seen: tuple[Device, ...] = ()
        self._seen_at_s = float("-inf")
        self._is_ready = False

    def latest(self) -> Sequence[Device]:
        """As seen lately; begins another look when it is time, and never waits for it."""
        if self._library is None:
            return ()
        now_s = self._clock_s()
        with self._lock:
            is_idle = self._thread is None or not self._thread.is_alive()
            if is_idle and now_s - self._asked_at_s >= INTERVAL_S:
                self._asked_at_s = now_s
                self._thread = threading.Thread(target=self.look, name="everup-gpu", daemon=True)
                self._thread.start()
            return self._seen if now_s - self._seen_at_s <= STALE_S else ()

    def look(self) -> None:
        """One reading. Blocks as long as the driver does."""
        found = self._devices()
        with self._lock:
            self._seen, self._seen_at_s = found, self._clock_s()

    def _devices(self) -> tuple[Device, ...]:
        library = self._library
        if not self._is_ready:
            if library.nvmlInit_v2() != 0:
                return ()
            self._is_ready = True
        count = ctypes.c_uint()
        if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            self._is_ready = False  # a driver that was loaded anew wants to be greeted again
            return ()
        found = (self._device(index) for index in range(min(count.value, DEVICES_MOST)))
        return tuple(device for device in found if device is not None)

    def _device(self, index: int) -> Device | None:
        library, handle = self._library, ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
            return None
        memory, rates = _Memory(), _Rates()
        has_memory = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
        has_rates = library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(rates)) == 0
        return Device(
            rates.gpu / 100.0 if has_rates else UNKNOWN,
            memory.used / memory.total if has_memory and memory.total else UNKNOWN,
            self._processes(handle),
        )

    def _processes(self, handle: ctypes.c_void_p) -> dict[int, float]:
        """One of which the library cannot tell the memory uses the device all the same."""
        for name in _PROCESSES:
            ask = getattr(self._library, name, None)
            if ask is None:
                continue
            count, rows = ctypes.c_uint(PROCESSES_MOST), (_Process * PROCESSES_MOST)()
            if ask(handle, ctypes.byref(count), rows) != 0:
                return {}
            listed = rows[: min(count.value, PROCESSES_MOST)]
            return {row.pid: 0.0 if row.used == _NO_VALUE else float(row.used) for row in listed}
        return {}
