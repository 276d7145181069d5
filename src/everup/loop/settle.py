"""Settle an intent without outcome by looking at the world. Pure.

The identities noted before the action tell whether it happened: another life of the same instance
means done, the same life means that it did not happen, no life means that it stopped half-way. A
service that got its stop signal may take its grace to end, also when whoever sent it is gone: the
same life means nothing before that is over. Where nobody may kill it, the signal may have been
sent and cannot be taken back: the same life may end of it still.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.entries import Finished
from everup.model.evidence import OutcomeState
from everup.model.kinds import OF_TRAFFIC, ActionKind, InstanceState
from everup.model.observation import ServiceObservation
from everup.model.restore import RESTORE
from everup.model.safe_point import TO, of_number_alone
from everup.model.scaling import BEFORE, COUNTS, INSTANCES, SIZES
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import InFlight, StackState
from everup.model.version import is_comparable

HAPPENS_IN_PLACE = OF_TRAFFIC | {
    *(ActionKind.CACHE_CLEAR, ActionKind.ISOLATE, ActionKind.REJOIN, ActionKind.FAILOVER)
}
ENDS_AND_STARTS = frozenset(
    {
        ActionKind.START,
        ActionKind.GRACEFUL_RESTART,
        ActionKind.CONTAINER_RESTART,
        ActionKind.DEPENDENCY_RECOVERY,
        ActionKind.RECREATE,
        ActionKind.EMERGENCY_ROLLBACK,
    }
)

RESTARTS = frozenset(
    {ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART, ActionKind.DEPENDENCY_RECOVERY}
)


def patience_s(flight: InFlight, spec: ServiceSpec, settings: Settings) -> float:
    """How long after its intent a stop signal may still be at work: one instance after the other
    had its grace, after the evidence was taken."""
    grace_s = float(flight.step.parameters.get("grace_s", spec.stop.grace_s))
    return settings.evidence_deadline_s + grace_s * max(1, len(flight.before.instances))


def is_led(state: StackState, flight: InFlight) -> bool:
    """Does it belong to a restore that is under way?"""
    restore = state.open_restore
    return restore is not None and flight.step.parameters.get(RESTORE) == restore.id


def settle(
    flight: InFlight, seen: ServiceObservation, now_s: float, patience_s: float
) -> Finished | None:
    """The outcome that the world shows; None while it cannot be told yet."""
    kind = flight.step.kind
    target = flight.step.parameters.get("instance")
    watched = [i.instance for i in seen.instances if target in (None, i.instance.name)]
    running = [i for i in watched if i.state is not InstanceState.EXITED]
    is_early = now_s < flight.intended_at_s + patience_s
    if kind is ActionKind.STOP:
        if running:
            return None if is_early else _not(flight, now_s, "interrupted: it still runs")
        return _done(flight, now_s)
    if kind in COUNTS:
        return _counted(flight, seen, now_s, is_early=is_early)
    if kind in SIZES:
        return _not(flight, now_s, "interrupted: what was changed of its limits is given back")
    if kind in HAPPENS_IN_PLACE:
        return _half(flight, now_s, "interrupted: whether it happened cannot be seen")
    if kind is ActionKind.EMERGENCY_ROLLBACK:
        return _went_back(flight, seen, now_s, is_early=is_early)
    same = {i.name for i in running if _is_same(flight, i.name, i.identity)}
    if same and kind is not ActionKind.START:
        if is_early:
            return None
        names = ", ".join(sorted(same))
        if len(same) == len(watched) and kind is not ActionKind.DEPENDENCY_RECOVERY:
            found = _not(flight, now_s, f"did not happen: {names} is the same as before")
        else:
            found = _half(flight, now_s, f"interrupted: {names} is the same as before")
        is_asked = kind in RESTARTS and not flight.step.parameters.get("may_kill", True)
        return replace(found, still_ends=tuple(sorted(same))) if is_asked else found
    if not running or len(running) < len(watched):
        return _half(flight, now_s, "interrupted half-way: it is down")
    return _done(flight, now_s)


def _counted(
    flight: InFlight, seen: ServiceObservation, now_s: float, *, is_early: bool
) -> Finished | None:
    """So many were to be there: they are, or what is there is not it."""
    wanted, there = int(flight.step.parameters[INSTANCES]), len(seen.instances)
    if there == wanted:
        return _done(flight, now_s)
    if is_early:
        return None
    return _half(flight, now_s, f"interrupted: {there} instances are there, not {wanted}")


def _went_back(
    flight: InFlight, seen: ServiceObservation, now_s: float, *, is_early: bool
) -> Finished | None:
    """By what runs, not by whose life it is: what was put back is another life of the same."""
    wanted = flight.step.parameters.get(TO)
    there = [i.instance for i in seen.instances]
    if of_number_alone(flight.step.parameters):
        if len(there) == flight.step.parameters.get(BEFORE) and not is_early:
            return _not(flight, now_s, "did not happen: there are as many instances as before")
        return _counted(flight, seen, now_s, is_early=is_early)
    back = [i for i in there if i.version == wanted]
    count = int(flight.step.parameters.get(INSTANCES, 0)) or len(there)
    if there and len(back) == len(there) != count:
        text = f"interrupted: it went back, and {len(there)} instances are there, not {count}"
        return None if is_early else _not(flight, now_s, text)  # the rest is a step of its own
    if there and len(back) == len(there):
        if all(i.state is InstanceState.RUNNING for i in there):
            return _done(flight, now_s)
        return None if is_early else _half(flight, now_s, "interrupted half-way: it is down")
    if is_early:
        return None
    if back:
        return _half(flight, now_s, "interrupted half-way: some instances went back")
    is_untouched = all(
        flight.before.instances.get(i.name) == f"{i.identity}|{i.state}" for i in there
    )
    known = [i.version for i in there if i.version]
    if known and not is_untouched and not any(is_comparable(v, str(wanted)) for v in known):
        return _half(flight, now_s, "interrupted: what runs cannot be compared with what was kept")
    if there and (is_untouched or all(i.state is InstanceState.RUNNING for i in there)):
        return _not(flight, now_s, "did not happen: it is the same as before")
    return _half(flight, now_s, "interrupted half-way: it is down")


def _is_same(flight: InFlight, name: str, identity: str) -> bool:
    """Is this the life that ran before the action?"""
    before, _, state = flight.before.instances.get(name, "").rpartition("|")
    return before == identity and state != InstanceState.EXITED


def _done(flight: InFlight, now_s: float) -> Finished:
    return Finished(now_s, flight.action_id, flight.step.target, OutcomeState.DONE, settled=True)


def _half(flight: InFlight, now_s: float, text: str) -> Finished:
    return Finished(
        now_s, flight.action_id, flight.step.target, OutcomeState.FAILED, error=text, settled=True
    )


def _not(flight: InFlight, now_s: float, text: str) -> Finished:
    return Finished(
        now_s,
        flight.action_id,
        flight.step.target,
        OutcomeState.FAILED,
        error=text,
        settled=True,
        has_happened=False,
    )
