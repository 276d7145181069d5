"""Which messages are owed: `owed(...)` for threads of the journal, `owed_of_us(...)` for our own
faults that the journal cannot tell. Pure; asked by `herald` after every look.

Owed is a state, not an event: a message is owed until the journal says that it was told, so a
restart of Everup neither loses nor repeats one. One message per incident; whoever got one hears in
the same thread how it ended.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from everup.loop.threads import BLIND, REFUSED, RESUMES_WITHIN_S
from everup.model.kinds import is_known
from everup.model.notice import Message, Occasion, Thread
from everup.model.settings import Settings
from everup.model.state import StackState
from everup.model.words import plain

ENDING_MOST = 120
FOLLOW_UP_MOST_S = 86400.0
"""An end that is older than this is no news."""


def owed(
    stack: str,
    state: StackState,
    settings: Settings,
    now_s: float,
    notifier: str,
    on: Collection[Occasion],
) -> list[Message]:
    """What this notifier has not told yet and should, oldest first."""
    found = []
    for thread in state.threads.values():
        thread = _seen_again(thread, state, now_s)
        if _is_told(thread, notifier) or not _is_wanted(thread, notifier, on, settings, now_s):
            continue
        found.append(message_of(stack, thread, _has_heard(thread, notifier)))
    return found


def message_of(stack: str, thread: Thread, is_follow_up: bool) -> Message:
    """The thread as it stands, in words."""
    about, text = thread.service or "Everup", plain(thread.text)
    titles = {
        Occasion.OPENED: f"{about} is unwell",
        Occasion.ASKED: f"{about}: may Everup act?",
        Occasion.ESCALATED: f"{about} needs a person",
        Occasion.RESOLVED: f"{about}: {text[:ENDING_MOST]}",
        Occasion.FROZEN: "Everup does nothing: it cannot trust what it sees, or may not act",
    }
    return Message(
        key=f"{stack}/{thread.id}/{thread.stands}",
        thread=f"{stack}/{thread.id}",
        occasion=thread.occasion,
        stack=stack,
        title=f"[{stack}] {titles[thread.occasion]}",
        text=text,
        at_s=thread.at_s,
        service=thread.service,
        is_follow_up=is_follow_up,
    )


def _seen_again(thread: Thread, state: StackState, now_s: float) -> Thread:
    """Blind before a restart, and nothing of it seen since: it is over."""
    if not (thread.is_doubtful and thread.occasion is Occasion.FROZEN):
        return thread
    since_s = state.started_at_s
    if state.monitor_fault or not is_known(since_s) or now_s - since_s <= RESUMES_WITHIN_S:
        return thread
    text = "it was started again and can see"
    return Thread(thread.id, Occasion.RESOLVED, text, thread.opened_at_s, since_s, told=thread.told)


def _is_told(thread: Thread, notifier: str) -> bool:
    mark = f"{notifier}:{thread.stands}"
    return mark in thread.told or f"{mark}{REFUSED}" in thread.told


def _has_heard(thread: Thread, notifier: str) -> bool:
    """Has this notifier told anything of the thread before?"""
    own = f"{notifier}:"
    return any(mark.startswith(own) and not mark.endswith(REFUSED) for mark in thread.told)


def _is_wanted(
    thread: Thread, notifier: str, on: Collection[Occasion], settings: Settings, now_s: float
) -> bool:
    match thread.occasion:
        case Occasion.ESCALATED:
            return True
        case Occasion.RESOLVED:
            is_news = now_s - thread.at_s <= FOLLOW_UP_MOST_S
            is_about_us = thread.id.startswith(BLIND)
            is_question = thread.id == thread.question  # and nothing else
            asked = Occasion.RESOLVED in on and not is_about_us and not is_question
            return is_news and (asked or _has_heard(thread, notifier))
        case Occasion.FROZEN:
            lasted_s = now_s - thread.opened_at_s
            return Occasion.FROZEN in on and _lasts(thread, lasted_s, settings)
        case Occasion.OPENED | Occasion.ASKED:
            return thread.occasion in on


def _lasts(thread: Thread, lasted_s: float, settings: Settings) -> bool:
    return not thread.is_doubtful and lasted_s >= settings.freeze_notify_s


@dataclass(frozen=True, slots=True)
class OwnFault:
    """Why we cannot act, when the journal cannot say it: it cannot be written, or is another's.

    `id` is unique for each time that it happens. `over_at_s` is NaN while it lasts.
    """

    id: str
    text: str
    since_s: float
    waits_s: float = 0.0
    over_at_s: float = float("nan")


def owed_of_us(
    stack: str, faults: Collection[OwnFault], now_s: float, told: Collection[str], notifier: str
) -> list[Message]:
    """Messages about our own faults; `told` holds `notifier:key` of what arrived or was refused."""
    found = []
    for fault in faults:
        thread = Thread(fault.id, Occasion.FROZEN, fault.text, fault.since_s, fault.since_s)
        first = message_of(stack, thread, is_follow_up=False)
        has_heard = f"{notifier}:{first.key}" in told
        if is_known(fault.over_at_s):
            end = Thread(fault.id, Occasion.RESOLVED, "it can act again", fault.since_s, now_s)
            last = message_of(stack, end, is_follow_up=True)
            if has_heard and f"{notifier}:{last.key}" not in told:
                found.append(last)
        elif not has_heard and now_s - fault.since_s >= fault.waits_s:
            found.append(first)
    return found
