"""What a person on call wants to know of one service's size, in sentences. Pure text.

Flows in: a Story, the owner's prices. Flows out: lines, what should be first. The API gives them
beside the numbers, so that every surface says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everup.auto_scaler.amounts import amount, several, share
from everup.auto_scaler.cost import Recommendation
from everup.auto_scaler.demand.forecast import MISSED_AIM
from everup.auto_scaler.spend import money
from everup.auto_scaler.story import Foretold, Story
from everup.model.kinds import is_known
from everup.model.scaling import ScalingChoice
from everup.model.sizing import Prices

BY: Mapping[str, str] = {
    "forecast": "the forecast",
    "seen_demand": "the demand that is seen now",
    "plain_rule": "the plain rule of 70 %",
    "rules": "the plain rules on all triggers",
    "alarm": "an alarm",
    "plan": "its owner's plan",
    "held": "nobody",
    "size": "what one instance uses",
}
"""Who said a number; `auto_scaler.planner.By`, and `size`."""
CAPS: Mapping[str, str] = {
    "least": "the declared least",
    "most": "the declared most",
    "step": "how many may come at once",
    "few_changes": "the rule that a change must gain something",
}
SETTLED_LEAST = 20


def told(story: Story, prices: Prices) -> tuple[str, ...]:
    """Sentences; the first says what there is and what there should be."""
    lines = [*_number(story), *_load(story), *_future(story)]
    if story.advice is not None:
        lines.append(f"Size of one: {story.advice.reason}.")
    lines.append(f"Cost: {story.cost.text}.")
    lines += [f"Recommended: {advised(one, prices)}." for one in story.recommendations]
    return tuple(lines)


def advised(one: Recommendation, prices: Prices) -> str:
    """A recommendation with what it saves and risks."""
    if one.saving_per_month > 0:
        gain = f"saves {money(one.saving_per_month, prices)} a month"
    elif one.saving_per_month < 0:
        gain = f"costs {money(-one.saving_per_month, prices)} a month"
    else:
        gain = "costs nothing now"
    return f"{one.text}; {gain}; {one.risk}"


def why(choice: ScalingChoice, fixed: str, waits: str) -> str:
    """In one line: why this is the number, or what it waits for."""
    if waits:
        return f"waits: {waits}"
    if fixed and not choice.is_change:
        return fixed
    return choice.text


def _number(story: Story) -> Iterator[str]:
    choice = story.choice
    there = f"There {'is' if story.instances == 1 else 'are'} {several(story.instances)}"
    if choice is None:
        yield f"{there}. What there should be was not thought over yet."
    elif choice.instances != choice.instances_now:
        yield f"{there}; there should be {choice.instances}, says {BY.get(choice.by, choice.by)}."
        yield f"Why: {choice.text}."
    elif choice.is_change:
        yield f"{there}, as should be; their size should be another."
        yield f"Why: {choice.text}."
    else:
        yield f"{there}, as should be: {choice.text}."
    if choice is not None and choice.capped and choice.wished != choice.instances:
        by = " and ".join(CAPS.get(cap, cap) for cap in choice.capped)
        yield f"Asked for were {choice.wished}; {by} kept it from that."
    if story.fixed:
        yield f"Everup leaves its number as it is: {story.fixed}."
    if story.waits:
        yield f"It waits: {story.waits}."


def _load(story: Story) -> Iterator[str]:
    choice, capacity = story.choice, story.capacity
    if not story.unit:
        yield (
            "What is asked of it is not known: nothing counts its requests, and its processors are"
            " not seen."
        )
    elif not is_known(story.demand):
        if choice is None or choice.by != "held":  # else that is why
            yield "What is asked of it is not seen now, so that nothing is removed."
    else:
        each = story.demand / max(1, story.instances)
        yield f"Asked now: {amount(story.demand, story.per)}, {amount(each, story.per)} of each."
    if story.unread:
        yield f"Its queue cannot be read, so that nobody knows what waits: {story.unread}."
    if story.stays_awake:
        yield f"It does not sleep: {story.stays_awake}."
    if capacity is not None:
        yield f"What one carries ({capacity.source}): {capacity.text}."
    if capacity is None or not capacity.is_known:
        yield f"Rule until more is learned: {story.rule}."
    if choice is not None and choice.floor:
        yield f"What is seen now needs {choice.floor}."
    if choice is not None and is_known(choice.chance):
        yield (
            f"Chance to be short with {choice.instances} until one that is ordered now takes work:"
            f" {share(choice.chance)}."
        )


def _future(story: Story) -> Iterator[str]:
    for one in (story.soon, story.ahead):
        if one is None or not one.values:
            continue
        low, high = amount(one.values[0], story.per), amount(one.most, story.per)
        when = (
            f"In {_span(one.in_s)}" if one is story.ahead else f"Highest within {_span(one.in_s)}"
        )
        likely = amount(one.median, story.per)
        yield f"{when}: {likely} likely, from {low} to {high} by nine tenths."
        yield from _record(one, story.per)
    if story.ahead is not None and not story.ahead.values:
        yield "Nothing is foretold yet: too little of its demand was seen."


def _record(one: Foretold, per: str) -> Iterator[str]:
    if one.settled < SETTLED_LEAST:
        return
    aim = share(1.0 - MISSED_AIM)
    yield (
        f"  such forecasts held {share(one.coverage)} of the time ({aim} is meant), of"
        f" {one.settled}; off by {amount(one.loss, per)} in the mean, saying that it stays as it is"
        f" by {amount(one.loss_as_now, per)}."
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60.0:.0f} min" if seconds >= 120.0 else f"{seconds:.0f} s"
