"""The log file: JSON lines, rotated by size, written by a thread of its own.

Flows in: journal entries and warnings, as `loop.ports.Log`. Flows out: lines in
`everup.log` of the log folder. Nobody waits for the disk: lines that it does not take in time are
counted and dropped, since the journal has what matters. Wired by `app`.
"""

from everup.logbook.book import LogBook, open_logbook

__all__ = ["LogBook", "open_logbook"]
