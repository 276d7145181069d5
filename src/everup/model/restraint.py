"""What the instances of a service say now, and did not when it was read. It only holds back.

Written by runtimes that can see it (what runs may be replaced while Everup watches), carried by
listings and observations, weighed by the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import ActionKind, Mode

_ORDER = tuple(Mode)


@dataclass(frozen=True, slots=True)
class Restraint:
    """`frozen_because`: hands off. `mode`, `modes`: no more than this, for all or for a kind.
    `unread`: why it is not what was read, so that how much care it needs is not known."""

    frozen_because: str = ""
    mode: Mode | None = None
    modes: Mapping[ActionKind, Mode] = field(default_factory=dict)
    unread: str = ""

    def most(self, kind: ActionKind) -> Mode:
        """How far Everup may go with this kind at most."""
        return self.modes.get(kind, self.mode or Mode.AUTO)

    def and_also(self, other: Restraint) -> Restraint:
        """What holds back in either."""
        kinds = self.modes.keys() | other.modes.keys()
        return Restraint(
            self.frozen_because or other.frozen_because,
            narrowest(self.mode or Mode.AUTO, other.mode or Mode.AUTO),
            {kind: narrowest(self.most(kind), other.most(kind)) for kind in kinds},
            self.unread or other.unread,
        )


def narrowest(*modes: Mode) -> Mode:
    """The one that lets Everup do the least."""
    return min(modes, key=_ORDER.index)
