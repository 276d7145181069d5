"""What the journal of the recorded time knows of the world, apart from what Everup made of it.

Flows in: recorded entries. Flows out: those that are facts, at the look that knew them. Facts are
deaths, starts, versions, wishes of people and what was really done. Judgements (incidents,
predictions, the gate's answers) are left out: a replay makes its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from everup.model import entries as e
from everup.model.entries import Entry

BEFORE_THE_LOOK = (
    e.ExitSeen,
    e.CameUp,
    e.VersionSeen,
    e.InstancesCounted,
    e.ProbationBegan,
    e.PurposeSet,
    e.FreezeSet,
    e.FreezeLifted,
)
"""Known to the look of the same moment: it wrote them before it judged, or somebody said them."""
AFTER_THE_LOOK = (
    e.Intended,
    e.Finished,
    e.Verified,
    e.SafePointKept,
    e.SafePointForgotten,
    e.ProbationEnded,
    e.EdgesSeen,
    e.EdgesLearned,
    e.GivenBack,
)
"""Written after the look of the same moment had judged: known to the next one."""


class Facts:
    """Handed out in order."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._next = 0
        self.fault = ""

    def until(self, at_s: float) -> Iterator[Entry]:
        """Those that the look at this moment knew. A ControllerStarted says that Everup began
        anew."""
        while self._next < len(self._entries):
            entry = self._entries[self._next]
            if entry.at_s > at_s or (entry.at_s == at_s and isinstance(entry, AFTER_THE_LOOK)):
                return
            self._next += 1
            if isinstance(entry, e.MonitorFaultSeen):
                self.fault = entry.fault
            elif isinstance(entry, e.MonitorFaultOver):
                self.fault = ""
            elif isinstance(entry, e.ControllerStarted):
                self.fault = ""
                yield entry
            elif isinstance(entry, (*BEFORE_THE_LOOK, *AFTER_THE_LOOK)):
                yield entry
