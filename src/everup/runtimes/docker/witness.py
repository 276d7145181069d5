"""Which deaths we saw, also after a restart of Everup.

Flows in: containers as they are read. Flows out: whether somebody of ours was watching when one
ended. What nobody saw may have been somebody's wish (docs/safety.md), so it matters who saw it.
"""

from __future__ import annotations

from everup.model.errors import TryAgain
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.store import Store

ROOM = "witnessed"


class Witness:
    """Remembers the life of each container whose end was seen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since_s = float("inf")
        self._known: dict[str, str] = {}

    def open(self, now_s: float) -> None:
        """From now on we watch; what was seen before is read back."""
        self._since_s = now_s
        kept = self._store.all(ROOM)
        self._known = {name: str(value.get("identity")) for name, value in kept.items()}

    def blind(self, now_s: float) -> None:
        """Nobody hears the engine now: who ended until this moment may have done so unseen."""
        self._since_s = now_s

    def saw(self, container: Container) -> bool:
        """Did we see this one end? Kept for the next life, where it can be written."""
        if self._known.get(container.id) == container.identity:
            return True
        if not container.finished_at_s >= self._since_s:
            return False
        self._known[container.id] = container.identity
        try:
            self._store.put(ROOM, container.id, {"identity": container.identity})
        except TryAgain:
            return True  # a full disk costs the next life a question, not this one its eyes
        return True

    def forget_all_but(self, containers: frozenset[str]) -> None:
        """Containers that are gone end no more."""
        for gone in self._known.keys() - containers:
            del self._known[gone]
            self._store.remove(ROOM, gone)
