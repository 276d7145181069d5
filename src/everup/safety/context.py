"""What the gate looks at, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.assessment import Assessment
from everup.model.incident import Incident
from everup.model.kinds import FORETOLD, Cause
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, StackState

SEEN = frozenset(
    {
        Cause.CRASH,
        Cause.CRASH_LOOP,
        Cause.STOPPED_ON_PURPOSE,
        Cause.RECOVERING,
        Cause.DISK_FULL,
    }
)
"""Deaths that the engine reported, wishes, what a service says of itself, what its disk shows."""
NO_SIGN_OF_US = SEEN | FORETOLD


@dataclass(frozen=True, slots=True)
class Context:
    """`hard_closure`: service → all that it needs. `local_minute`, `weekday`: the owner's clock,
    handed in because the gate has none. `cannot_act`: why this controller may not act at all."""

    stack: Stack
    settings: Settings
    observation: Observation
    assessment: Assessment
    state: StackState
    memory: Memory
    hard_closure: Mapping[str, tuple[str, ...]]
    local_minute: int
    weekday: int
    cannot_act: str = ""
    fresh_roots: int = field(init=False)
    """Roots that fell ill lately, without a death that the engine reported: counted once for all
    that is judged in a look."""
    sick_roots: int = field(init=False)
    """The same however long ago it began."""
    silent_checks: int = field(init=False)
    """Roots whose own check, a process that the engine starts, has no answer in time, however long
    it lasts, with no proof that they hang: a host without breath looks like this."""
    open_on: Mapping[str, Incident] = field(init=False)
    """Service → its open incident; made once as well."""

    def __post_init__(self) -> None:
        relations, window_s = self.assessment.relations, self.settings.mass_failure_window_s
        fresh = sick = silent = 0
        for name in relations.roots:
            found = relations.findings[name]
            if found.shows not in NO_SIGN_OF_US:
                sick += 1
                is_fresh = self.now_s - found.since_s <= window_s
                fresh += is_fresh and not self._was_never_well(name)
            probe = self.stack.services[name].probe
            if found.cause is Cause.HANG and not found.is_proven:
                silent += probe is not None and probe.is_owners
        object.__setattr__(self, "fresh_roots", fresh)
        object.__setattr__(self, "sick_roots", sick)
        object.__setattr__(self, "silent_checks", silent)
        object.__setattr__(self, "open_on", self.state.by_root())

    def _was_never_well(self, name: str) -> bool:
        """By the word of its owner's own check, which the engine asks: it did not fall ill, it has
        not come up yet. Of what we ask ourselves that says nothing: we may be the ones who fail."""
        spec, seen = self.stack.services[name], self.observation.services.get(name)
        if spec.probe is None or not spec.probe.is_owners or seen is None:
            return False
        if self.memory.service(name).was_ever_healthy or self.state.service(name).lives:
            return False
        return not any(i.probe is not None and i.probe.has_ever_passed for i in seen.instances)

    def is_quiet(self, service: str) -> bool:
        """Is this a declared quiet hour of the service?"""
        return self.stack.is_quiet(service, self.local_minute, self.weekday)

    @property
    def now_s(self) -> float:
        """The observation's time."""
        return self.observation.at_s
