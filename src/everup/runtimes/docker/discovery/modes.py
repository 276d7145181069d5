"""How far Everup may go by itself with one service, from labels and who else is there. Pure.

Called by `specs`. The narrowest word of the owner wins; a manager or another healer beside us goes
over it, since nothing good comes of two that act.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import ActionKind, Mode
from everup.runtimes.docker.discovery.autoheal import RESTARTS
from everup.runtimes.docker.discovery.labels import Wishes


@dataclass(frozen=True, slots=True)
class Modes:
    """As a ServiceSpec takes them: the service's, and those of single kinds."""

    mode: Mode | None = None
    modes: Mapping[ActionKind, Mode] = field(default_factory=dict)


def modes_of(wishes: Wishes, *, is_managed: bool, consents: bool, healer: str) -> Modes:
    """`consents`: by autoheal's label; `healer`: the autoheal that runs and handles it, or ""."""
    if is_managed:
        return Modes(Mode.OBSERVE)
    modes: dict[ActionKind, Mode] = {}
    if consents and wishes.mode is None:
        modes = dict.fromkeys(RESTARTS, Mode.AUTO)
    modes |= wishes.modes
    if healer:
        modes |= dict.fromkeys(RESTARTS, Mode.OBSERVE)
    return Modes(wishes.mode, modes)
