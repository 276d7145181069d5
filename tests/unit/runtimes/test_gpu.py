"""Graphics processors through a library that is not there, answers, refuses, or is slow."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from typing import Any

from everup.runtimes import gpu
from everup.runtimes.gpu import INTERVAL_S, STALE_S, Device, Gpus, of_processes

MIB = 1 << 20


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Library:
    """Two devices, as NVML tells them: through pointers to what the caller made."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.waits = threading.Event()
        self.waits.set()
        self.inits = 0

    def nvmlInit_v2(self) -> int:
        self.inits += 1
        return self._code("init")

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        self.waits.wait(5.0)
        count._obj.value = 2
        return self._code("count")

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:
        handle._obj.value = index + 1
        return self._code(f"handle{index}")

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 1000 * MIB, handle.value * 250 * MIB
        return self._code("memory")

    def nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:
        rates._obj.gpu = 10 * handle.value
        return self._code("rates")

    def nvmlDeviceGetComputeRunningProcesses_v2(self, handle: Any, count: Any, rows: Any) -> int:
        given = {1: [(100, 50 * MIB), (200, 2**64 - 1)], 2: [(100, 300 * MIB)]}[handle.value]
        count._obj.value = len(given)
        for place, (pid, used) in enumerate(given):
            rows[place].pid, rows[place].used = pid, used
        return self._code("processes")

    def _code(self, name: str) -> int:
        return 999 if name in self.refuses else 0


def looked(gpus: Gpus, clock: Clock) -> Sequence[Device]:
    """What is seen after one more look."""
    clock.now_s += INTERVAL_S
    gpus.latest()
    for thread in threading.enumerate():
        if thread.name == "everup-gpu":
            thread.join(5.0)
    return gpus.latest()


def test_without_the_library_nothing_is_known() -> None:
    assert Gpus(lambda: None).latest() == ()
    assert all(math.isnan(value) for value in of_processes((), {1, 2}))


def test_the_device_that_is_used_most() -> None:
    clock = Clock()
    devices = looked(Gpus(Library, clock), clock)
    assert of_processes(devices, {100}) == (0.2, 0.5)
    assert of_processes(devices, {200}) == (0.1, 0.25), "though its memory is not told"
    assert math.isnan(of_processes(devices, {300})[0])


def test_what_it_refuses_is_unknown() -> None:
    library = Library()
    library.refuses = {"handle0", "memory", "rates"}
    clock = Clock()
    gpus = Gpus(lambda: library, clock)
    (device,) = looked(gpus, clock)
    assert math.isnan(device.ratio)
    assert math.isnan(device.memory_ratio)
    library.refuses = {"processes"}
    assert looked(gpus, clock)[0].bytes_of == {}


def test_a_driver_that_went_is_greeted_again() -> None:
    library = Library()
    clock = Clock()
    gpus = Gpus(lambda: library, clock)
    assert len(looked(gpus, clock)) == 2
    library.refuses = {"count"}
    assert looked(gpus, clock) == ()
    library.refuses = set()
    assert len(looked(gpus, clock)) == 2
    assert library.inits == 2


def test_a_driver_that_hangs_keeps_nobody_waiting() -> None:
    library, clock = Library(), Clock()
    library.waits.clear()
    gpus = Gpus(lambda: library, clock)
    assert gpus.latest() == ()
    clock.now_s = 10.0 * INTERVAL_S
    assert gpus.latest() == (), "and no second look is begun meanwhile"
    assert sum(t.name == "everup-gpu" for t in threading.enumerate()) == 1
    thread = next(t for t in threading.enumerate() if t.name == "everup-gpu")
    library.waits.set()
    thread.join(5.0)
    library.waits.clear()
    assert len(gpus.latest()) == 2
    clock.now_s += STALE_S + 1.0
    assert gpus.latest() == (), "what is old is not known any more"
    library.waits.set()


def test_structures_are_as_the_library_has_them() -> None:
    assert ctypes.sizeof(gpu._Process) == 24
    assert ctypes.sizeof(gpu._Memory) == 24
    assert ctypes.sizeof(gpu._Rates) == 8
