"""History: observations on disk, as float32 columns, bounded in age and size.

Flows in: one sample per sample interval, `[signal, service]`. Flows out: the columns of one service
over a stretch of time, for baselines, replay and training. The journal holds decisions; this holds
what was seen, and losing some of it harms nobody. Implements `loop.ports.History`; wired by `app`.

    append ──▶ queue ──▶ one thread ──▶ format ──▶ segments (one file per hour) ──▶ read
"""

from everup.history.disk import DiskHistory
from everup.history.memory import MemoryHistory
from everup.history.scan import Scan, scan

__all__ = ["DiskHistory", "MemoryHistory", "Scan", "scan"]
