"""Threads of what people are told: `follow_threads(state, entry) -> state`, pure, part of the fold.

Flows in: the state that the entry made, and the entry. Flows out: the state with its threads
brought up to date. Called by `fold` alone; `owed` says which messages follow.

A thread is an incident, or a time in which Everup could not see. The latter goes on over a restart
when the fault is seen again soon after it, so that one long fault is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model import entries as e
from everup.model.kinds import Origin, Purpose, is_known
from everup.model.notice import Occasion, Thread
from everup.model.state import StackState

BLIND = "blind-"
"""What the id of a thread begins with when it is about our own eyes."""

REFUSED = ":refused"
"""How a mark of what was told ends when it was refused for good."""

THREADS_MOST = 256
OVER_MOST = 32
NAMED_MOST = 20
RESUMES_WITHIN_S = 300.0


def follow_threads(state: StackState, entry: e.Entry) -> StackState:
    """The state with the thread that this entry is about, if any."""
    match entry:
        case e.IncidentOpened():
            return _put(
                state,
                Thread(
                    entry.incident_id,
                    Occasion.OPENED,
                    f"{entry.cause}: {entry.reason}{_hurts(entry.victims)}",
                    entry.at_s,
                    entry.at_s,
                    entry.service,
                ),
            )
        case e.IncidentEscalated():
            return _move(state, entry.incident_id, Occasion.ESCALATED, entry.case, entry.at_s)
        case e.IncidentResolved():
            return _move(state, entry.incident_id, Occasion.RESOLVED, entry.reason, entry.at_s)
        case e.PersonAnswered():
            return _answered(state, entry.service, entry.reason, entry.at_s)
        case e.PurposeSet():
            wish = "to run" if entry.purpose is Purpose.RUN else "stopped"
            text = f"{entry.by} wants it {wish}"
            return _answered(state, entry.service, text, entry.at_s)
        case e.Intended() if entry.origin is Origin.PERSON:
            text = f"{entry.by} acts: {entry.step.kind}"
            return _answered(state, entry.step.target, text, entry.at_s)
        case e.ApprovalAsked():
            return _asked(state, entry)
        case e.ApprovalAnswered():
            said = "agreed" if entry.is_approved else "said no"
            return _has_word(state, entry.approval_id, f"{entry.by} {said}", entry.at_s)
        case e.ApprovalEnded():
            return _has_word(state, entry.approval_id, f"the question {entry.state}", entry.at_s)
        case e.Notified():
            return _told(state, entry)
        case e.MonitorFaultSeen() | e.MonitorFaultOver() | e.ControllerStarted():
            return _sight(state, entry)
        case _:
            return state


def _hurts(victims: tuple[str, ...]) -> str:
    """Who suffers from it, as far as was seen when it was opened."""
    if not victims:
        return ""
    named, more = ", ".join(victims[:NAMED_MOST]), len(victims) - NAMED_MOST
    return f"; it hurts {named}" + (f" and {more} more" if more > 0 else "")


def blind_thread(threads: Mapping[str, Thread]) -> Thread | None:
    """The thread about our own eyes that is not over."""
    for thread in threads.values():
        if thread.id.startswith(BLIND) and not thread.is_over:
            return thread
    return None


def _sight(
    state: StackState, entry: e.MonitorFaultSeen | e.MonitorFaultOver | e.ControllerStarted
) -> StackState:
    known = blind_thread(state.threads)
    if isinstance(entry, e.ControllerStarted):
        return state if known is None else _put(state, replace(known, is_doubtful=True))
    if isinstance(entry, e.MonitorFaultOver):
        text = f"it can see again after {entry.lasted_s:.0f} s"
        if known is None:
            return state
        return _move(state, known.id, Occasion.RESOLVED, text, entry.at_s)
    if known is not None and _goes_on(known, state, entry.at_s):
        return _put(state, replace(known, text=entry.fault, is_doubtful=False))
    if known is not None:
        text = "it was started again and could see"
        state = _move(state, known.id, Occasion.RESOLVED, text, entry.at_s)
    new = Thread(f"{BLIND}{entry.at_s:.3f}", Occasion.FROZEN, entry.fault, entry.at_s, entry.at_s)
    return _put(state, new)


def _goes_on(thread: Thread, state: StackState, at_s: float) -> bool:
    if not thread.is_doubtful:
        return True
    return is_known(state.started_at_s) and at_s - state.started_at_s <= RESUMES_WITHIN_S


def _answered(state: StackState, service: str, text: str, at_s: float) -> StackState:
    """Whoever had to look after an escalated service has answered."""
    for thread in state.threads.values():
        if thread.service == service and thread.occasion is Occasion.ESCALATED:
            state = _move(state, thread.id, Occasion.RESOLVED, text, at_s)
    return state


def _asked(state: StackState, entry: e.ApprovalAsked) -> StackState:
    """In the thread of its incident, or in one of its own."""
    text = "\n".join(
        [
            f"{entry.reason}. Risk {entry.risk}. Yes: everup approve {entry.approval_id}",
            *entry.differs,
        ]
    )
    known = state.threads.get(entry.incident_id or "")
    if known is None:
        opened_s, thread_id = entry.at_s, entry.approval_id
        known = Thread(thread_id, Occasion.ASKED, text, opened_s, opened_s, entry.service)
    asked = replace(known, occasion=Occasion.ASKED, text=text, at_s=entry.at_s)
    return _put(state, replace(asked, question=entry.approval_id))


def _has_word(state: StackState, approval_id: str, text: str, at_s: float) -> StackState:
    """Nobody is asked any more; the incident goes on, a thread that only asked is over."""
    for thread in state.threads.values():
        if thread.question == approval_id and thread.occasion is Occasion.ASKED:
            is_own = thread.id == approval_id
            occasion = Occasion.RESOLVED if is_own else Occasion.OPENED
            return _move(state, thread.id, occasion, text, at_s)
    return state


def _told(state: StackState, entry: e.Notified) -> StackState:
    thread = state.threads.get(entry.thread)
    if thread is None:
        return state
    _, is_full, stands = entry.key.rpartition(f"/{entry.thread}/")
    mark = f"{entry.notifier}:{stands if is_full else entry.occasion}"
    mark += "" if entry.has_arrived else REFUSED
    if mark in thread.told:
        return state
    return _put(state, replace(thread, told=(*thread.told, mark)))


def _move(
    state: StackState, thread_id: str, occasion: Occasion, text: str, at_s: float
) -> StackState:
    thread = state.threads.get(thread_id)
    if thread is None:
        return state
    return _put(state, replace(thread, occasion=occasion, text=text, at_s=at_s))


def _put(state: StackState, thread: Thread) -> StackState:
    """The thread in its place; the oldest that are over go first when there are too many."""
    threads = {**state.threads, thread.id: thread}
    over = [t.id for t in threads.values() if t.is_over]
    spare = over[: max(0, len(over) - OVER_MOST)]
    surplus = len(threads) - len(spare) - THREADS_MOST
    if surplus > 0:
        spare += [name for name in threads if name not in spare][:surplus]
    if spare:
        threads = {k: t for k, t in threads.items() if k not in spare}
    return replace(state, threads=threads)
