"""One incident in one or two sentences: what happened, why, what was done, how it ended, what next.

Flows in: the body of `GET /incidents/{id}`. Flows out: text. Pure; a stranger must understand it
without having read anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.cli.show import clean, moment
from everup.cli.words import did, happened, listed, plainly, span, until

Story = Mapping[str, Any]

LASTING = frozenset({"crash_loop", "unhealthy", "slow", "leak", "overload", "dependency_down"})
AT_ONCE_S = 2.0
WORDS_MOST = 160


def summary(story: Story) -> str:
    """The whole of it."""
    parts = [_what(story), _done(story), _end(story), _rest(story)]
    if story["state"] == "resolved":
        parts.append("Nothing is left to do.")
    return " ".join(part for part in parts if part)


def _what(story: Story) -> str:
    name = clean(story["service"])
    when = "from" if story["cause"] in LASTING else "at"
    text = f"{name} {happened(story['cause'])} {when} {moment(story['origin_s'])}"
    text += " on" if when == "from" else ""
    if story["cause"] != "stopped_on_purpose":
        text += f": {plainly(story['reason'])}"
    if story["victims"]:
        text += f". Because of it, {listed(story['victims'])} suffered"
    return f"{text}."


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
        return f"{who} began a {clean(last['kind'])} at {moment(last['intended_at_s'])}."
    after_s = last["intended_at_s"] - story["origin_s"]
    text = f"{who} {did(last)} " + ("at once" if after_s < AT_ONCE_S else f"{span(after_s)} later")
    if len(actions) > 1:
        text += f" ({_ordinal(len(actions))} attempt)"
    if last["state"] == "verified":
        return f"{text}, and it helped."
    if last["state"] == "failed":
        why = last["error"] or last["verdict"]
        return f"{text}, and it did not help: {clean(why)}."
    return f"{text}."


def _last_words(action: Story) -> str:
    """The last line that the service wrote before it was touched for the last time."""
    if not action["during"]:
        return ""
    said = clean(action["during"][-1]).strip()
    return f" The last thing it said: “{said[:WORDS_MOST]}”."


def _nothing_done(story: Story) -> str:
    would = story["would_have_done"]
    if would:
        kinds = listed(list(dict.fromkeys(w["kind"] for w in would)))
        return f"Everup did nothing, because its mode is observe; it would have done {kinds}."
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
            at = moment(story["ended_at_s"])
            return f"It was handed over to a person at {at}, and has been taken care of since."
        if story["cause"] == "stopped_on_purpose":
            return (
                f"A person decides since {moment(story['ended_at_s'])}, since a person stopped it."
            )
        return (
            f"Since {moment(story['ended_at_s'])} nothing more is tried: a person has to mend the "
            f"cause, then type: everup heal {clean(story['service'])}"
        )
    return _next(story)


def _resolved(story: Story) -> str:
    episode, lasted_s = story["episode"], (story["ended_at_s"] or 0.0) - story["origin_s"]
    took = span(lasted_s if episode is None else episode["lasted_s"])
    ending = None if episode is None else episode["ending"]
    match ending:
        case "by_itself":
            text = f"It was well again by itself after {took}."
        case "by_a_person":
            text = f"A person ended it after {took}."
        case "victim" | "wish" | "change" | "undeclared" | "unclear":
            text = f"It ended after {took}: {clean(story['ending'])}."
        case _:
            text = f"It was unwell for {took} in all, and was then proven well."
    hindsight = None if episode is None else episode["hindsight"]
    if hindsight in ("right", "wrong"):
        text += f" In hindsight, acting would have been {hindsight}: {clean(episode['reason'])}."
    return text


def _next(story: Story) -> str:
    now_s = story["now_s"]
    flight, now = story["in_flight"], story["now"]
    if flight is not None:
        if flight["phase"] == "acting":
            return f"Next: {flight['kind']} is being done, then it must prove that it helped."
        ends = until(flight["decided_by_s"], now_s)
        return f"Next: whether {flight['kind']} helped is being watched{ends}."
    if now is None:
        waits = clean(story["waiting_for"])
        return f"It is still open; it waits for: {waits}." if waits else "It is still open."
    if now["escalate"]:
        return "Next: a person is asked."
    if now["hold"]:
        return f"Next: nothing{until(now['hold']['until_s'], now_s)}: {clean(now['hold']['text'])}."
    return _proposed(now, now_s)


def _proposed(now: Mapping[str, Any], now_s: float) -> str:
    proposal, verdict = now["proposal"], now["verdict"]
    if proposal is None or verdict is None:
        return "It is still open."
    if verdict["answer"] == "allowed":
        return f"Next: {proposal['kind']}, in a moment."
    if verdict["check"] == "mode":
        return f"Next: nothing by itself, since {clean(verdict['reason'])}."
    when = until(verdict["until_s"], now_s)
    why = f"held back by {verdict['check']}{when}: {clean(verdict['reason'])}"
    return f"Next: {proposal['kind']}, {why}."


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
    if story["state"] == "resolved":
        return f"Nobody touched {names}."
    return f"{names}: left alone, since restarting a victim mends nothing."
