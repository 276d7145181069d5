"""A restore: services that go back together, one step each, to a snapshot or to a set of versions.

Planned and led by `rollback_manager`, carried out by `loop` step by step, and told by the journal:
`Restore` is a fold of `RestoreBegan`, `RestoreTurned`, `RestoreEnded` and of the actions whose step
carries its id. It ends *restored* (all of it new), *put back* (all of it as before) or *stuck*,
with the case told to a person; never silently in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN, Origin

RESTORES_MOST = 20
"""So many are remembered, the open one among them."""

TRIES_MOST = 3
"""Of one step forward, where each was cut short after it had touched something."""

IDLE_TRIES_MOST = 6
"""Of one step forward, those counted too that changed nothing: each backs off longer."""

BACK_TRIES_MOST = 8
"""Of one step back: with backoff a quarter of an hour, before a person is told."""

WAITS_MOST_S = 1800.0
"""How long a step forward waits for the gate before the way back is taken; a freeze and a window of
maintenance are waited for without end."""

ONLY_SEEN = ("somebody's ", "whoever ")
"""How a stop that nobody told Everup of is signed (`loop.meant`). It may be an engine that
restarts, which ends its containers as `docker stop` does, or a deploy: it is waited for whether
they come back, for as long as somebody else's change may take."""

RESTORE = "restore"
"""A step's parameter: the restore that it belongs to."""


class RestoreEnding(StrEnum):
    """How it ended."""

    RESTORED = "restored"
    PUT_BACK = "put_back"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service is to run from. `version` "": whatever it was last well with; it stands for
    all of its content, each byte of which is proven when it is read. `instances` 0: nobody says."""

    service: str
    version: str = ""
    title: str = ""
    instances: int = 0


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """Where to. `is_named`: whoever asks has named each service, so that none may be left out."""

    services: Mapping[str, Wanted]
    snapshot_id: str = ""
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One service: from what it runs from now, to what it ran from then. `from_image`,
    `from_reference`: how what runs now is kept for as long as this lasts. `to_instances` 0: as many
    as there are."""

    service: str
    from_version: str
    to_version: str
    from_title: str = ""
    to_title: str = ""
    from_image: str = ""
    from_reference: str = ""
    from_instances: int = 0
    to_instances: int = 0


@dataclass(frozen=True, slots=True)
class RestoreTry:
    """An ended action of it. `has_happened` False: nothing was changed by it. `was_cut`: it says
    nothing of what it went back to: it was found after a crash, or after nobody had answered in
    time, or somebody had it end before its proof."""

    action_id: str
    service: str
    is_back: bool
    has_passed: bool
    at_s: float
    has_happened: bool = True
    was_cut: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Restore:
    """One of them as it stands. `back_because` is "" while it goes forward."""

    id: str
    by: str
    origin: Origin
    reason: str
    began_at_s: float
    steps: tuple[RestoreStep, ...]
    snapshot_id: str = ""
    back_to_id: str = ""  # the snapshot of what ran when it began, where one was taken
    overrides: Mapping[str, str] = field(default_factory=dict)
    tries: tuple[RestoreTry, ...] = ()  # oldest first
    touched: tuple[str, ...] = ()  # services of which an action forward was begun, in order
    back_because: str = ""
    turned_at_s: float = UNKNOWN
    ending: RestoreEnding | None = None
    ended_because: str = ""
    ended_at_s: float = UNKNOWN

    @property
    def is_open(self) -> bool:
        """Is there more to do?"""
        return self.ending is None

    @property
    def is_back(self) -> bool:
        """Is it on its way back?"""
        return bool(self.back_because)

    def step_of(self, service: str) -> RestoreStep | None:
        """Its step for this service."""
        return next((step for step in self.steps if step.service == service), None)

    def tries_of(self, service: str, *, is_back: bool) -> tuple[RestoreTry, ...]:
        """Ended actions on this service in this direction, oldest first."""
        return tuple(t for t in self.tries if t.service == service and t.is_back is is_back)

    def is_done(self, service: str) -> bool:
        """Was its step forward proven?"""
        forward = self.tries_of(service, is_back=False)
        return bool(forward) and forward[-1].has_passed

    def is_put_back(self, service: str) -> bool:
        """Was its step back proven?"""
        back = self.tries_of(service, is_back=True)
        return bool(back) and back[-1].has_passed


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far one is: `number` of `of` steps in this direction is under way, `done` are over."""

    of: int
    done: int
    number: int = 0
    service: str = ""
    doing: str = ""
    next_service: str = ""


@dataclass(frozen=True, slots=True)
class RunsNow:
    """What a service runs from at present, as seen. `others`: versions that some of its instances
    run from beside it."""

    service: str
    version: str = ""
    title: str = ""
    instances: int = 0
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One service that would change. `instances_then` 0: there stay as many as there are."""

    service: str
    from_version: str
    to_version: str
    from_title: str = ""
    to_title: str = ""
    instances_now: int = 0
    instances_then: int = 0


@dataclass(frozen=True, slots=True)
class RestoreRefusal:
    """What stands against all of it, by name, with the reason."""

    service: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A service that the target speaks of and that would not be changed, and why."""

    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What would be done, in this order; nothing of it while there are refusals."""

    target: RestoreTarget
    steps: tuple[PlannedStep, ...]
    left: tuple[LeftAlone, ...] = ()
    refusals: tuple[RestoreRefusal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        """Those that would change, in order."""
        return tuple(step.service for step in self.steps)


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """All of it runs from what the target says already, and why each is left."""

    target: RestoreTarget
    left: tuple[LeftAlone, ...] = ()
    reason: str = "nothing to restore: everything runs from what it would go back to"
