"""The contract of the Router port as cases that any router's author can run.

Flows in: a function that makes a fresh `RouterLab` for each case. Flows out: a `CaseReport`, or one
pytest parameter per case:

    @pytest.mark.parametrize("case", router_cases(), ids=str)
    def test_contract(case, tmp_path):
        case.run(MyLab(tmp_path))
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from everup.testing import router_stories as stories
from everup.testing.router_lab import RouterLab
from everup.testing.runtime_cases import CaseReport

Story = Callable[[RouterLab], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class RouterCase:
    """One promise of the port: its story, named as the function that tells it."""

    story: Story

    @property
    def name(self) -> str:
        """What a person reads in a report."""
        return self.story.__name__

    def run(self, lab: RouterLab) -> None:
        """Tell the story in this lab. Raises AssertionError where the promise is broken."""
        lab.run(self.story(lab))

    def __str__(self) -> str:
        return self.name


_CASES = tuple(
    RouterCase(story)
    for story in (
        stories.lists_servers_as_they_are,
        stories.holds_and_gives_back,
        stories.an_order_twice_is_one_hold,
        stories.weighs_and_gives_back_what_was,
        stories.a_share_takes_no_order_over,
        stories.the_next_life_finds_what_is_held,
        stories.releases_one_service_alone,
        stories.forgets_without_an_order,
        stories.what_is_not_proven_waits_for_its_check,
        stories.moves_a_server,
        stories.adds_and_removes_its_own_alone,
        stories.a_reload_can_be_told,
        stories.names_say_nothing_else,
        stories.an_unknown_server_is_refused,
        stories.silence_is_said_and_nothing_forgotten,
        stories.only_known_errors,
    )
)


def router_cases() -> Sequence[RouterCase]:
    """Every case, in the order in which a person would want them to fail."""
    return _CASES


def check_router(make_lab: Callable[[], RouterLab]) -> CaseReport:
    """Run every case, each in a lab of its own, and report; never raises for a failing case."""
    passed: list[str] = []
    failed: dict[str, str] = {}
    for case in _CASES:
        try:
            case.run(make_lab())
        except Exception as error:  # noqa: BLE001 - a broken router may raise anything
            failed[case.name] = f"{type(error).__name__}: {error}"
        else:
            passed.append(case.name)
    return CaseReport(tuple(passed), failed=failed)
