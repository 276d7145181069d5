"""One incident in one or two sentences: what happened, why, what was done, how it ended, what next.

Flows in: the body of `GET /incidents/{id}`. Flows out: text. Pure; a stranger must understand it
without having read anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everup.cli.handover import aftermath, is_mended_by_a_person, its_outcome
from everup.cli.hints import typed
from everup.cli.show import clean, moment
from everup.cli.words import (
    at_time,
    did,
    ended,
    happened,
    listed,
    named,
    plainly,
    span,
    spoken,
    until,
)

Story = Mapping[str, Any]

LASTING = frozenset({"crash_loop", "unhealthy", "slow", "leak", "overload", "dependency_down"})
AT_ONCE_S = 2.0
WORDS_MOST = 160
UNWELL = frozenset({"unhealthy", "degraded", "down"})


def summary(story: Story) -> str:
    """The whole of it; a command stands on a line of its own."""
    parts = [_what(story), _done(story), _end(story), _rest(story)]
    if story["state"] == "resolved":
        parts.append("Nothing is left to do.")
    text = " ".join(part for part in parts if part)
    lines = [line if line.startswith("  ") else line.strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line.strip())


def _what(story: Story) -> str:
    name = clean(story["service"])
    when = "from" if story["cause"] in LASTING else "at"
    text = f"{name} {happened(story['cause'])} {when} {moment(story['origin_s'])}"
    text += " on" if when == "from" else ""
    if story["cause"] != "stopped_on_purpose":
        text += f": {plainly(story['reason'])}"
    return f"{text}.{_victims(story)}"


def _victims(story: Story) -> str:
    """Who suffered, and who still does."""
    if not story["victims"]:
        return ""
    unwell = [b for b in story["bystanders"] if b["condition"] in UNWELL]
    if story["state"] == "resolved" or not unwell or not is_going_on(story):
        return f" Because of it, {listed(story['victims'])} suffered."
    conditions = {clean(b["condition"]) for b in unwell}
    names = listed([b["service"] for b in unwell])
    word = conditions.pop() if len(conditions) == 1 else "unwell"
    return f" Because of it, {names} {'is' if len(unwell) == 1 else 'are'} {word}."


def is_going_on(story: Story) -> bool:
    """Is the trouble itself not over, as far as is known?"""
    after = story.get("afterwards")
    still = after is not None and after["well_at_s"] is None and after["condition"] in UNWELL
    return story["state"] == "open" or bool(story["is_with_a_person"]) or still


def _done(story: Story) -> str:
    actions = story["actions"]
    if not actions:
        return _nothing_done(story)
    last = actions[-1]
    who = "Everup" if last["by"] == "everup" else clean(last["by"])
    failed = [a for a in actions if a["state"] == "failed"]
    if len(failed) == len(actions) and len(actions) > 1:
        kinds = {did(a) for a in actions}
        what = kinds.pop() if len(kinds) == 1 else " and ".join(did(a) for a in actions)
        return f"{who} {what} {_times(len(actions))}, and it did not help.{_last_words(last)}"
    if last["state"] == "acting":
        return f"{who} began to act ({named(last['kind'])}) at {moment(last['intended_at_s'])}."
    after_s = last["intended_at_s"] - story["origin_s"]
    when = "at once" if after_s < AT_ONCE_S else f"{span(after_s)} later"
    when += f" ({_ordinal(len(actions))} attempt)" if len(actions) > 1 else ""
    forced = ended(last["during"])
    if forced:
        name = clean(last["service"])
        started = "" if last["kind"] == "stop" else ", then it was started anew"
        text = f"{who} asked {name} to stop {when}: {forced}{started}"
    else:
        text = f"{who} {did(last)} {when}"
    return f"{text}{its_outcome(last)}."


def _last_words(action: Story) -> str:
    """The last line that the service wrote before it was touched for the last time."""
    written = [note.removeprefix("log ") for note in action["during"] if note.startswith("log ")]
    if not written and not any(note.startswith("probe ") for note in action["during"]):
        written = list(action["during"])  # by an older version, which kept log lines only
    if not written:
        return ""
    said = clean(written[-1]).strip()
    return f" The last thing it said: “{said[:WORDS_MOST]}”."


def _nothing_done(story: Story) -> str:
    would = story["would_have_done"]
    if would:
        kinds = listed(list(dict.fromkeys(named(w["kind"]) for w in would)))
        return (
            "Everup did nothing, because its mode is observe; "
            f"in mode auto it would have done this: {kinds}."
        )
    return "" if story["state"] == "open" else "Everup did nothing."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _ordinal(count: int) -> str:
    return {2: "second", 3: "third"}.get(count, f"{count}th")


def _end(story: Story) -> str:
    if story["state"] == "resolved":
        return _resolved(story)
    if story["state"] == "escalated":
        if not story["is_with_a_person"]:
            return aftermath(story)
        if story["cause"] == "stopped_on_purpose":
            return (
                f"A person decides since {moment(story['ended_at_s'])}, since a person stopped it."
            )
        return (
            f"Since {moment(story['ended_at_s'])} nothing more is tried: a person has to mend the "
            f"cause, then type:\n  {typed('heal ' + clean(story['service']))}\n"
        )
    return _next(story)


def _resolved(story: Story) -> str:
    episode, lasted_s = story["episode"], (story["ended_at_s"] or 0.0) - story["origin_s"]
    took = span(lasted_s if episode is None else episode["lasted_s"])
    ending = None if episode is None else episode["ending"]
    match ending:
        case "by_itself":
            text = f"It was well again by itself after {took}."
        case "by_a_person" if not is_mended_by_a_person(story):
            text = f"A person ended it after {took}."
        case "victim" | "wish" | "change" | "undeclared" | "unclear":
            text = f"It ended after {took}: {spoken(story['ending'])}."
        case _:
            text = f"It was unwell for {took} in all, and was then proven well."
    hindsight = None if episode is None else episode["hindsight"]
    if hindsight in ("right", "wrong"):
        text += f" In hindsight, acting would have been {hindsight}: {spoken(episode['reason'])}."
    return text


def _next(story: Story) -> str:
    now_s, flight, now = story["now_s"], story["in_flight"], story["now"]
    if flight is not None:
        name = named(flight["kind"])
        if flight["phase"] == "acting":
            return f"Next: the {name} is being done, then it must prove that it helped."
        ends = until(flight["decided_by_s"], now_s)
        then = flight.get("then")
        otherwise = "" if then is None else f"; if it did not, {next_of(then)}"
        return f"Next: whether the {name} helped is being watched{ends}{otherwise}."
    if now is None:
        waits = spoken(story["waiting_for"])
        return f"It is still open; it waits for: {waits}." if waits else "It is still open."
    if now["escalate"]:
        return "Next: a person is asked."
    if now["hold"]:
        return _held(now, now_s)
    return _proposed(now, now_s)


def next_of(kinds: Sequence[str]) -> str:
    """`the next is a restart`, or who decides when nothing is left to try."""
    return f"the next is a {named(kinds[0])}" if kinds else "a person is asked"


def _held(now: Mapping[str, Any], now_s: float) -> str:
    hold = now["hold"]
    if not now["then"]:
        return f"Next: nothing{until(hold['until_s'], now_s)}: {spoken(hold['text'])}."
    when = at_time(hold["until_s"], now_s) or " when this is over"
    name = named(now["then"][0])
    return f"Next: a {name}{when}, unless it is well before. It waits: {spoken(hold['text'])}."


def _proposed(now: Mapping[str, Any], now_s: float) -> str:
    proposal, verdict = now["proposal"], now["verdict"]
    if proposal is None or verdict is None:
        return "It is still open."
    name, why = named(proposal["kind"]), spoken(verdict["reason"])
    if verdict["answer"] == "allowed":
        return f"Next: a {name}, in a moment."
    if verdict["check"] == "mode":
        return f"Next: nothing by itself, since {why}."
    if verdict["check"] == "approval":
        return f"Next: a {name}, if a person says yes:\n  {typed('approve')}\n"
    if verdict["answer"] == "refused":
        return f"Next: nothing by itself; a {name} is refused: {why}."
    when = at_time(verdict["until_s"], now_s) or " as soon as this is over"
    return f"Next: a {name}{when}; it waits: {why}."


def _rest(story: Story) -> str:
    """What became of those who suffered, in one sentence."""
    bystanders = story["bystanders"]
    if not bystanders or story["cause"] == "stopped_on_purpose":
        return ""
    untouched = [b for b in bystanders if not b["was_acted_upon"]]
    if not untouched:
        return ""
    names = listed([b["service"] for b in untouched])
    if all(b["condition"] == "healthy" for b in untouched):
        if story["state"] == "resolved":
            return f"Nobody touched {names}: well again once the cause was gone."
        return f"Nobody touched {names}."
    if not is_going_on(story):
        return f"Nobody touched {names}."
    return f"Left alone: {names}, because restarting cannot help."
