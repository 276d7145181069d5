"""Which sick instance an action keeps aside for a person in place of ending it.

Flows in: an intent about to be performed, later how it went. Flows out: the name of the instance,
or "" where the action is done as usual. Asked by `perform`; `Control` says what did not help.

What is kept must not keep the service from being healed. Whom the runtime would not keep is ended
as usual the next time; and where the fresh one could not be proven, what is kept of the service is
given back before anything else is tried. Both are remembered in memory alone: a restart of Everup
gives everything back anyhow, but where it begins anew at once, over further services.
"""

from __future__ import annotations

from collections import OrderedDict

from everup.model.entries import Intended
from everup.model.kinds import ActionKind, Condition, InstanceState
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.stack import ServiceSpec

REMEMBERED_MOST = 1000
ENDS_IT = frozenset({ActionKind.CONTAINER_RESTART, ActionKind.RECREATE})
SICK = frozenset({Condition.UNHEALTHY, Condition.DEGRADED, Condition.DOWN})


class KeepAside:
    """One for each controller."""

    def __init__(self, manifest: RuntimeManifest) -> None:
        self._is_able = manifest.can(Capability.QUARANTINE)
        self._refused: OrderedDict[str, str] = OrderedDict()  # identity → why
        self._kept_by: OrderedDict[str, str] = OrderedDict()  # service → action
        self._in_the_way: set[str] = set()

    def instance(self, spec: ServiceSpec, intent: Intended) -> str:
        """The one running sick instance that is kept; "" for none."""
        found = self._candidate(spec, intent)
        return "" if _identity(intent, found) in self._refused else found

    def why_not(self, spec: ServiceSpec, intent: Intended) -> str:
        """Why the runtime would not keep this life; "" when it was not asked or did not refuse."""
        return self._refused.get(_identity(intent, self._candidate(spec, intent)), "")

    def _candidate(self, spec: ServiceSpec, intent: Intended) -> str:
        if not (self._is_able and spec.quarantine_s > 0) or spec.is_stateful or spec.is_one_shot:
            return ""
        if not _ends_it(intent) or intent.before.condition not in SICK:
            return ""
        before = intent.before.instances
        named = intent.step.instance or (next(iter(before)) if len(before) == 1 else "")
        return named if before.get(named, "").endswith(f"|{InstanceState.RUNNING}") else ""

    def was_kept(self, intent: Intended) -> None:
        """The runtime is asked to put it aside."""
        self._kept_by[intent.step.target] = intent.action_id
        _bound(self._kept_by)

    def was_refused(self, intent: Intended, instance: str, why: str) -> None:
        """The next action on this life is done as usual."""
        self._kept_by.pop(intent.step.target, None)
        self._refused[_identity(intent, instance)] = why
        _bound(self._refused)

    def not_proven(self, service: str, action_id: str) -> None:
        """What this action did has not helped; what it kept may be why."""
        if self._kept_by.get(service) == action_id:
            self._in_the_way.add(service)

    def take_in_the_way(self, service: str) -> bool:
        """Is there something to be given back first? Asked once."""
        if service not in self._in_the_way:
            return False
        self._in_the_way.discard(service)
        return self._kept_by.pop(service, None) is not None


def _ends_it(intent: Intended) -> bool:
    """A graceful restart without grace is a kill: who cannot hear a signal gets no other."""
    step = intent.step
    is_kill = step.kind is ActionKind.GRACEFUL_RESTART and step.parameters.get("grace_s") == 0.0
    return (step.kind in ENDS_IT or is_kill) and bool(step.parameters.get("may_kill", True))


def _identity(intent: Intended, instance: str) -> str:
    return intent.before.instances.get(instance, "").rpartition("|")[0]


def _bound(remembered: OrderedDict[str, str]) -> None:
    while len(remembered) > REMEMBERED_MOST:
        remembered.popitem(last=False)
