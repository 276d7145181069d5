"""What is kept open for each container between passes, and for no longer than it lives.

Flows in: the containers of this pass. Flows out: a `Life` each, with its control group and its main
process, as far as they are to be seen. Another pid is another life. What was not found is looked
for again every ten seconds.

Descriptors are counted: all files of a container are kept open up to three quarters of the share,
only what names it up to the whole, and beyond that it is opened anew in each pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from everup.runtimes.descriptors import NOT_COUNTED, Descriptors
from everup.runtimes.docker.accounting import hierarchy as groups_of_host
from everup.runtimes.docker.accounting.groups import Group
from everup.runtimes.docker.accounting.hierarchy import Hierarchy
from everup.runtimes.docker.accounting.process import MainProcess, open_process
from everup.runtimes.docker.accounting.values import Roots, Target

RETRY_S = 10.0
WHOLE = 14
"""Descriptors of a container whose files are all kept: 8 and 4 files, a folder, a socket."""
LIGHT = 2
"""The folder and the socket alone."""


@dataclass(slots=True)
class Life:
    """One container between its start and its end."""

    target: Target
    descriptors: int
    group: Group | None = None
    process: MainProcess | None = None
    tried_at_s: float = float("-inf")
    opened: Descriptors = NOT_COUNTED
    opened_at_s: float = float("-inf")

    @property
    def is_kept(self) -> bool:
        """Does it stay open between passes?"""
        return self.descriptors > 0

    @property
    def is_complete(self) -> bool:
        """Is all of it found?"""
        return self.group is not None and self.process is not None

    def close(self) -> None:
        """Let go of everything."""
        if self.group is not None:
            self.group.files.close()
        if self.process is not None:
            self.process.close()
        self.group = self.process = None


class Lives:
    """All that are open. Used by one thread at a time."""

    def __init__(
        self,
        roots: Roots,
        hierarchy: Hierarchy,
        clock_s: Callable[[], float],
        kept_most: int,
        on_end: Callable[[str], None],
    ) -> None:
        self._roots = roots
        self._hierarchy = hierarchy
        self._clock_s = clock_s
        self._kept_most = kept_most
        self._on_end = on_end
        self._lives: dict[str, Life] = {}
        self._index: Mapping[str, str] = {}
        self._indexed_at_s = float("-inf")

    def settle(self, targets: Sequence[Target]) -> Mapping[str, Life]:
        """Ends the lives that are over, begins new ones, looks again for what was not found."""
        wanted = {target.id: target for target in targets if target.pid > 0}
        for key, known in list(self._lives.items()):
            if wanted.get(key) != known.target:
                self.end(key)
        used = sum(life.descriptors for life in self._lives.values())
        for key, target in wanted.items():
            life = self._lives.get(key)
            if life is None:
                life = self._lives[key] = Life(target, self._share(used))
                used += life.descriptors
            if not life.is_complete:
                self._look_for(life)
        return self._lives

    def known(self) -> Mapping[str, Life]:
        """As the latest pass left them."""
        return self._lives

    def end(self, key: str) -> None:
        """Forget one."""
        if life := self._lives.pop(key, None):
            life.close()
            self._on_end(key)

    def end_unkept(self) -> None:
        """The end of a pass."""
        for key in [key for key, life in self._lives.items() if not life.is_kept]:
            self.end(key)

    def close(self) -> None:
        """Forget all."""
        for key in list(self._lives):
            self.end(key)

    def _share(self, used: int) -> int:
        if used + WHOLE <= self._kept_most * 3 // 4:
            return WHOLE
        return LIGHT if used + LIGHT <= self._kept_most else 0

    def _look_for(self, life: Life) -> None:
        now_s = self._clock_s()
        if now_s - life.tried_at_s < RETRY_S:
            return
        life.tried_at_s = now_s
        target, keeps = life.target, life.descriptors == WHOLE
        if life.process is None:
            life.process = open_process(self._roots.proc, target.pid, target.id, keeps=keeps)
        if life.group is None:
            said = life.process.said if life.process else None
            folders = next(self._folders(target.id, said), None)
            if folders is not None:
                life.group = Group(self._hierarchy, folders, keeps=keeps)

    def _folders(self, container: str, said: str | None) -> Iterator[Mapping[str, str]]:
        """What is cheap first; then what the latest walk found, which is made when it is old."""
        if folders := groups_of_host.find(self._hierarchy, container, said):
            yield folders
        if self._clock_s() - self._indexed_at_s >= RETRY_S:
            self._index = groups_of_host.index(self._hierarchy)
            self._indexed_at_s = self._clock_s()
        if folders := self._hierarchy.folders(self._index.get(container, "")):
            yield folders
