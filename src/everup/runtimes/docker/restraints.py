"""What containers say that came after their service was read, so that it holds at once.

Flows in: the stack as it was read, and the containers that there are. Flows out: for each service
with a container of another nature a `Restraint`: what its labels forbid, and that nobody knows yet
how much care it needs. Whoever watches the project reads it anew then (`app.newcomers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everup.model.restraint import Restraint
from everup.model.stack import Stack, frozen_by
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.discovery import nature_of, read_labels
from everup.runtimes.docker.discovery.reading import read_container

NOTHING = Restraint()


class Restraints:
    """Each container is read once: what counts here cannot be changed in one that is there."""

    def __init__(self, stack: Stack) -> None:
        self._read = {name: frozenset(spec.natures) for name, spec in stack.services.items()}
        self._known: dict[str, Restraint] = {}

    def of(self, containers: Sequence[Container]) -> Mapping[str, Restraint]:
        """Service → what holds back beyond what was read."""
        self._known = {c.id: self._known.get(c.id) or self._of(c) for c in containers}
        found: dict[str, Restraint] = {}
        for container in containers:
            one = self._known[container.id]
            if one is not NOTHING:
                found[container.service] = one.and_also(found.get(container.service, NOTHING))
        return found

    def _of(self, container: Container) -> Restraint:
        natures = self._read.get(container.service)
        one = read_container(container.document)
        if not natures or one is None or nature_of(one, container.service) in natures:
            return NOTHING
        wishes = read_labels(one.name, one.labels)
        frozen = frozen_by(wishes.labels)
        if not wishes.is_enabled:
            frozen = "label everup.enable says to leave it alone"
        unread = f"{container.name} is not what {container.service} was when it was read"
        return Restraint(frozen, wishes.mode, wishes.modes, unread)
