"""The seven chapters, one file each: break one thing, watch, and say what came of it as a Row.

A chapter leaves the stack as it found it: healthy, with nothing broken. Called by `main`, in the
order of `ALL`; each gets the same `Stage`.
"""

from __future__ import annotations

from everup.demo.chapters.approval import tell_approval
from everup.demo.chapters.crash import tell_crash
from everup.demo.chapters.crash_loop import tell_crash_loop
from everup.demo.chapters.leak import tell_leak
from everup.demo.chapters.monitor_fault import tell_monitor_fault
from everup.demo.chapters.purpose import tell_purpose
from everup.demo.chapters.stage import TWO_WINDOWS_S, Stage, Tell
from everup.demo.chapters.store_hang import tell_store_hang

ALL: tuple[Tell, ...] = (
    tell_crash,
    tell_leak,
    tell_approval,
    tell_store_hang,
    tell_crash_loop,
    tell_purpose,
    tell_monitor_fault,
)

__all__ = ["ALL", "TWO_WINDOWS_S", "Stage", "Tell"]
