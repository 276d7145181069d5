"""From the API's words to a person's: causes, actions, remedies, spans of time. Pure text.

Called by everything that explains. Text that comes from services is cleaned here or in `show`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from everup.cli.hints import typed
from everup.cli.show import clean, moment
from everup.model import words
from everup.model.evidence import ENDED
from everup.model.words import STARTS_WHAT_IS_DOWN

HAPPENED = {
    "crash": "crashed",
    "crash_loop": "kept crashing",
    "hang": "hung",
    "unhealthy": "failed its own check",
    "dependency_down": "stayed unwell after what it needs was healed",
    "stopped_on_purpose": "was stopped on purpose",
    "leak": "leaked memory",
    "memory_pressure": "ran short of memory",
    "overload": "was overloaded",
    "bad_deploy": "became unwell after a change",
    "disk_full": "ran out of disk",
    "network_cut": "was cut off from the network",
    "slow": "became slow",
    "disk_filling": "was filling its disk",
    "descriptor_leak": "was running out of open files",
    "connections_full": "was running out of connections",
    "queue_full": "let its clients wait",
    "certificate_expires": "showed a certificate that ends soon",
}
BEHIND = {
    "hang": "a hang",
    "crash": "a crash",
    "crash_loop": "a crash loop",
    "unhealthy": "a fault of its own",
    "memory_pressure": "too little memory",
    "host_pressure": "a busy machine",
    "bad_deploy": "a change",
    "dependency_down": "a dependency",
    "disk_full": "a full disk",
    "unknown": "something unknown",
}
DOES = {
    "graceful_restart": "restarted it gracefully",
    "container_restart": "restarted it",
    "recreate": "made it anew",
    "emergency_rollback": "had it go back to what was well before",
    "cache_clear": "had it clear its cache",
    "dependency_recovery": "had it connect to what it needs again",
    "isolate": "cut it off",
    "rejoin": "let it rejoin",
    "failover": "had its standby take its place",
    "scale_out": "gave it more instances",
    "scale_in": "gave it fewer instances",
    "scale_up": "raised its limits",
    "scale_down": "lowered its limits",
    "degrade": "had it do without what is sick",
    "shed": "had no new requests sent to it",
    "resume": "had calls pass again",
    "start": "started it",
    "stop": "stopped it",
}
SINCE_INTENT = re.compile(r"[;,] [\d.]+ s after (the intent|it began)$")
HEALED_BY = re.compile(r"^healed by (\w+) \(([\w-]+)\), verified$")
LETTERS = {"T": "stopped by a signal", "Z": "ended, but not gone", "D": "waiting for a device"}
STATES = {
    "allowed": "may",
    "delayed": "not now",
    "refused": "may not",
    "held": "not yet",
    "not_on_ladder": "no use",
    "cannot": "cannot",
}

HOLDS = {
    "victim": "left alone",
    "stateful_wait": "it waits",
    "may_heal_by_itself": "it may pass",
    "not_confirmed": "not sure yet",
    "root_not_verified": "left alone",
    "stopped_on_purpose": "stopped",
    "with_a_person": "with a person",
}
"""Why nothing is proposed, in two words; the others by their own name."""


def hold_word(reason: str) -> str:
    """A reason to hold, as a heading."""
    return HOLDS.get(reason, clean(reason).replace("_", " "))


def span(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3.1 d`."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    if whole < 2 * 86_400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h" + (f" {rest} min" if rest else "")
    return f"{seconds / 86_400:.1f} d"


def until(at_s: float | None, now_s: float | None) -> str:
    """` until 14:02:03 (in 8 s)`, or nothing where nobody knows."""
    if at_s is None:
        return ""
    if now_s is None or at_s <= now_s:
        return f" until {moment(at_s)}"
    return f" until {moment(at_s)} (in {span(at_s - now_s)})"


def at_time(at_s: float | None, now_s: float | None) -> str:
    """` at 14:02:03 (in 8 s)`, or nothing where nobody knows or it has passed."""
    if at_s is None or now_s is None or at_s <= now_s:
        return ""
    return f" at {moment(at_s)} (in {span(at_s - now_s)})"


def lasting(reason: str, at_s: float | None, now_s: float | None) -> str:
    """A reason behind its end, so that nobody reads the end as part of it."""
    when = until(at_s, now_s).strip()
    return f"{when}: {clean(reason)}" if when else clean(reason)


def listed(names: Sequence[str], most: int = 6) -> str:
    """`a`, `a and b`, `a, b and 3 more`."""
    shown = [clean(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def happened(cause: str) -> str:
    """What a service did, by its cause: `crashed`."""
    return HAPPENED.get(cause, f"was unwell ({clean(cause)})")


def behind(cause: str) -> str:
    """What lies behind it, by its cause: `a crash loop`."""
    return BEHIND.get(cause, clean(cause).replace("_", " "))


def named(kind: str, *, is_down: bool = False) -> str:
    """What an action is called: `graceful restart`; of a service that is down, `start`."""
    return words.named(clean(kind), is_down=is_down)


def spoken(text: str) -> str:
    """A sentence of Everup's with plain words for the terms in it."""
    return words.plain(clean(text))


def was_down(action: Mapping[str, Any]) -> bool:
    """Was the service down when this was begun?"""
    return (action.get("before") or {}).get("condition") == "down"


def ended(notes: Sequence[str]) -> str:
    """How its process had to be ended, if that was told."""
    told = [clean(note).removeprefix(ENDED) for note in notes if note.startswith(ENDED)]
    return "; ".join(told)


def proof(verdict: str) -> str:
    """A verdict without the time that stands beside it anyway."""
    return SINCE_INTENT.sub("", clean(verdict))


def plainly(reason: str) -> str:
    """A reason with the kernel's letters for a process spelled out."""
    text = clean(reason)
    for letter, means in LETTERS.items():
        text = text.replace(f"in state {letter}", f"in state {letter}: {means}")
    return text


def did(action: Mapping[str, Any]) -> str:
    """What an action was, as a verb: a dead service is started, a running one restarted."""
    if action["kind"] in STARTS_WHAT_IS_DOWN and was_down(action):
        return "started it again"
    if action["kind"] == "cache_clear" and action.get("cause") == "disk_full":
        return "ran its hook that frees space"
    return DOES.get(action["kind"], f"did {clean(action['kind'])}")


def remedy(way: Mapping[str, Any]) -> tuple[str, str]:
    """(what to type or where to look, what it does)."""
    service, kind, check = clean(way["service"]), clean(way["kind"] or ""), clean(way["check"])
    heal = f"heal {service}" + (f" --type {kind}" if kind else "")
    if kind in ("start", "stop"):
        heal = f"{kind} {service}"
    match way["way"]:
        case "wait":
            return "nothing", "Everup goes on by itself; more is told when there is news"
        case "unfreeze":
            return typed(f"unfreeze {service}".rstrip()), "lift the freeze"
        case "set_mode":
            where = f"of {service} in everup.yaml" if service else "in everup.yaml"
            return f"mode: auto {where}", "let Everup act by itself from now on"
        case "approve":
            return typed("approve"), f"see what waits for your word; say yes to the {named(kind)}"
        case "ask":
            does = (
                "have it done once, now, whatever the mode" if kind else "then: heal and prove it"
            )
            return typed(heal), does
        case "override":
            return typed(f'{heal} --override {check} --reason "…"'), f"do it in spite of {check}"
        case "start":
            return typed(f"start {service}"), "have it run again"
        case "stop":
            return typed(f"stop {service}"), "leave it down on purpose; nobody is asked again"
        case "declare_hook":
            return f"hooks: {clean(way['hook'])} of {service}", "declare it in everup.yaml"
        case _:
            return f"mend {service}", "the reason and its last words say where to look"
