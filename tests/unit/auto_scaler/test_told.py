"""What is told of a service: every sentence is true of the story, and nothing unknown is named."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from everup.auto_scaler.capacity import Capacity
from everup.auto_scaler.planner import By, Cap
from everup.auto_scaler.spend import Cost
from everup.auto_scaler.story import Foretold, Story
from everup.auto_scaler.told import BY, CAPS, told, why
from everup.model.scaling import ScalingChoice
from everup.model.sizing import LIST_PRICES

COST = Cost(0.1, 73.0, 0.0, 0, (), "web: 73.00 USD a month")
CHOICE = ScalingChoice(2, 5, "forecast", "2 to 5 instances: 42/s now", 9, 3, 0.012, ("most",))
CARRIES = Capacity(14.0, 12.0, 18.0, True, 0.05, "learned", "one instance carries 14 per second")
STORY = Story(
    "web",
    2,
    "CPU 70%/30% (usual)",
    "",
    COST,
    unit="requests/s",
    per="/s",
    demand=42.0,
    capacity=CARRIES,
    ahead=Foretold(900.0, (20.0, 30.0, 40.0, 50.0, 60.0), 0.91, 400, 2.0, 3.0),
    soon=Foretold(60.0, (40.0, 41.0, 42.0, 43.0, 44.0)),
    choice=CHOICE,
    is_learned=True,
)


def text(story: Story) -> str:
    return "\n".join(told(story, LIST_PRICES))


def test_all_of_it_is_told() -> None:
    found = text(STORY)
    for part in (
        "There are 2 instances; there should be 5, says the forecast.",
        "Asked for were 9; the declared most kept it from that.",
        "Asked now: 42/s, 21/s of each.",
        "What one carries (learned): one instance carries 14 per second.",
        "What is seen now needs 3.",
        "takes work: 1.2 %",
        "Highest within 60 s: 42/s likely, from 40/s to 44/s by nine tenths.",
        "In 15 min: 40/s likely, from 20/s to 60/s by nine tenths.",
        "held 91 % of the time (90 % is meant), of 400; off by 2/s in the mean",
        "Cost: web: 73.00 USD a month.",
    ):
        assert part in found
    assert "Rule until" not in found


def test_what_waits_and_what_is_left_alone_is_told_with_its_reason() -> None:
    found = text(replace(STORY, waits="mode: everup only watches", fixed="it keeps data"))
    assert "It waits: mode: everup only watches." in found
    assert "Everup leaves its number as it is: it keeps data." in found


def test_nothing_is_said_of_what_nobody_knows() -> None:
    found = text(Story("web", 1, "CPU 70%/30% (usual)", "", COST))
    assert "There is 1 instance. What there should be was not thought over yet." in found
    assert "What is asked of it is not known" in found
    assert "Rule until more is learned: CPU 70%/30% (usual)." in found
    assert "nan" not in found
    unseen = text(replace(STORY, demand=math.nan))
    assert "not seen now, so that nothing is removed" in unseen


def test_few_settled_forecasts_are_no_record() -> None:
    assert STORY.ahead is not None
    assert "such forecasts" not in text(replace(STORY, ahead=replace(STORY.ahead, settled=3)))


@pytest.mark.parametrize("by", [*By])
def test_whoever_says_a_number_has_a_name(by: By) -> None:
    assert by in BY


@pytest.mark.parametrize("cap", [*Cap])
def test_whatever_caps_has_a_name(cap: Cap) -> None:
    assert cap in CAPS


def test_one_line_says_what_it_waits_for_before_anything_else() -> None:
    as_it_is = replace(CHOICE, instances=2, text="it is right")
    assert why(CHOICE, "", "cooldown: too soon") == "waits: cooldown: too soon"
    assert why(as_it_is, "it keeps data", "") == "it keeps data"
    assert why(as_it_is, "", "") == "it is right"
    assert why(CHOICE, "", "") == CHOICE.text
