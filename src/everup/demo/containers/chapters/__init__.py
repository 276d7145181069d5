"""What only containers can show. Like those of `demo.chapters`, each breaks one thing and leaves
the project as it found it; they get a `Stage` whose lab is a `ContainerLab`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from everup.demo.chapters.approval import tell_approval
from everup.demo.chapters.crash import tell_crash
from everup.demo.chapters.crash_loop import tell_crash_loop
from everup.demo.chapters.leak import tell_leak
from everup.demo.chapters.monitor_fault import tell_monitor_fault
from everup.demo.chapters.stage import Stage, Tell
from everup.demo.chapters.store_hang import tell_store_hang
from everup.demo.containers.chapters.bad_deploy import tell_bad_deploy
from everup.demo.containers.chapters.consent import tell_consent
from everup.demo.containers.chapters.full_scratch import tell_full_scratch
from everup.demo.containers.chapters.out_of_memory import tell_out_of_memory
from everup.demo.containers.chapters.stopped import tell_stopped
from everup.demo.containers.lab import ContainerLab
from everup.demo.story import Row

TellOfContainers = Callable[[Stage, ContainerLab, int], Row]


def all_of(lab: ContainerLab) -> Sequence[Tell]:
    """Every chapter, in the order in which they are told."""

    def with_lab(tell: TellOfContainers) -> Tell:
        def told(stage: Stage, number: int) -> Row:
            return tell(stage, lab, number)

        return told

    return (
        tell_crash,
        with_lab(tell_out_of_memory),
        tell_leak,
        tell_approval,
        tell_store_hang,
        with_lab(tell_full_scratch),
        with_lab(tell_bad_deploy),
        tell_crash_loop,
        with_lab(tell_stopped),
        tell_monitor_fault,
        with_lab(tell_consent),
    )
