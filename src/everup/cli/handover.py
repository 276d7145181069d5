"""What became of an incident that was handed over to a person, in sentences and one word.

Flows in: the body of `GET /incidents/{id}`. Flows out: text for `telling`, `timeline` and `pages`.
Only what the journal holds is said to have helped. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from everup.cli.hints import typed
from everup.cli.show import clean, moment
from everup.cli.words import did, named, proof, span, was_down

Story = Mapping[str, Any]
NOBODY: Mapping[str, Any] = {
    "actions": (),
    "well_at_s": None,
    "proven_by": "",
    "stopped_by": "",
    "goes_on_as": "",
    "condition": "unknown",
}
ENDINGS = {"healed": "healed", "by_itself": "over by itself", "by_a_person": "ended by a person"}


def state_word(story: Story) -> str:
    """The last word of the title: how it stands now."""
    if story["state"] == "resolved":
        episode = story["episode"]
        if is_mended_by_a_person(story):
            return "mended by a person"
        return ENDINGS.get(episode["ending"] if episode else "", "over")
    if story["state"] != "escalated":
        return "open"
    if story["is_with_a_person"]:
        return "waits for a person"
    after = story.get("afterwards") or NOBODY
    if after["well_at_s"] is not None:
        return "mended by a person" if after["proven_by"] else "well again"
    if after["stopped_by"]:
        return "stopped on purpose"
    return "goes on as another" if after["goes_on_as"] else "handed over"


def is_mended_by_a_person(story: Story) -> bool:
    """Did the last action, a person's, prove that it helped?"""
    last = story["actions"][-1] if story["actions"] else None
    return last is not None and last["by"] != "everup" and last["state"] == "verified"


def aftermath(story: Story) -> str:
    """What people did, and whether the service is well again."""
    after, name = story.get("afterwards") or NOBODY, clean(story["service"])
    parts = [f"It was handed over to a person at {moment(story['ended_at_s'])}."]
    parts += _attempts(after["actions"])
    if after["well_at_s"] is not None:
        took = span(after["well_at_s"] - story["origin_s"])
        return " ".join([*parts, f"It was unwell for {took} in all. Nothing is left to do."])
    if after["stopped_by"]:
        parts.append(f"Then {clean(after['stopped_by'])} stopped it on purpose.")
    if after["goes_on_as"]:
        goes_on = clean(after["goes_on_as"])
        parts.append(f"It goes on as another incident:\n  {typed('explain ' + goes_on)}\n")
    condition = clean(after["condition"])
    still = "still " if condition in ("down", "unhealthy", "degraded") else ""
    return " ".join([*parts, f"{name} is {still}{condition}." if condition != "unknown" else ""])


def _attempts(actions: Sequence[Story]) -> list[str]:
    """`cli:ann restarted it at 14:02:03, and it did not help: …`; what was the same twice once."""
    found = []
    for (who, outcome), same in groupby(
        actions, key=lambda a: (f"{clean(a['by'])} {did(a)}", its_outcome(a))
    ):
        tries = list(same)
        more = f", {len(tries)} times" if len(tries) > 1 else ""
        found.append(f"{who} at {moment(tries[0]['intended_at_s'])}{more}{outcome}.")
    return found


def its_outcome(action: Story) -> str:
    """`, and it helped`, or why it did not; nothing while nobody knows."""
    if action["state"] == "verified":
        return ", and it helped"
    if action["state"] == "failed":
        return f", and it did not help: {proof(action['error'] or action['verdict'])}"
    return ""


def steps(story: Story) -> list[tuple[float, str]]:
    """The timeline behind the handing over."""
    after = story.get("afterwards") or NOBODY
    found: list[tuple[float, str]] = []
    for action in after["actions"]:
        what = named(action["kind"], is_down=was_down(action))
        found.append((action["intended_at_s"], f"{what}, asked by {action['by']}"))
        if action["ended_at_s"] is not None:
            said = proof(action["verdict"] or action["error"])
            how = "proven" if action["state"] == "verified" else "did not help"
            found.append((action["ended_at_s"], f"{how}: {said}"))
    if after["well_at_s"] is not None:
        took = span(after["well_at_s"] - story["origin_s"])
        found.append((after["well_at_s"], f"well again, {took} after the first sign"))
    return found
