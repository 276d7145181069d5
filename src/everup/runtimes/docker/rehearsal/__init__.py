"""A throw-away copy of a container, to rehearse on: made, found again and removed by its own mark.

`marks` says whose it is and whether that one lives, `copy` what it is made of, `stage` makes it,
hurts it and takes it away. Nothing here touches a container without the mark.
"""

from everup.runtimes.docker.rehearsal.copy import Part, can_be_copied, copy_of, stand_in_of
from everup.runtimes.docker.rehearsal.marks import leftovers, sweep
from everup.runtimes.docker.rehearsal.stage import Fault, Stage

__all__ = [
    "Fault",
    "Part",
    "Stage",
    "can_be_copied",
    "copy_of",
    "leftovers",
    "stand_in_of",
    "sweep",
]
