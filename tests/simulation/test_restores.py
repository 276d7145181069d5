"""A restore that is spoilt in every way there is ends in the old state or in the new one.

Seeded: actuators that refuse, hang, or do half of it; an engine that is away; a journal that cannot
be written; services that fall ill; versions that never work; people who stop, freeze and heal; and
Everup killed at any point. Never a lost instance, never in between, and the journal says which. All
other promises are judged in these runs too.
"""

from __future__ import annotations

import pytest

from everup.model import entries as e
from everup.model.restore import RestoreEnding
from everup.model.safe_point import FROM
from tests.counts import count
from tests.simulation.restore_run import Outcome, play

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", range(1, count("restore_runs") + 1))
def test_it_ends_in_the_old_or_the_new_state_and_says_which(seed: int) -> None:
    outcome, _ = play(seed)
    assert outcome.violations == (), outcome.report()
    _has_one_end(outcome)
    restore = outcome.restore
    if restore is None:
        return  # it could not even begin, and nothing was touched by it
    stepped = {step.service: step for step in restore.steps}
    assert set(stepped) <= set(outcome.before), outcome.report()
    if restore.ending is RestoreEnding.STUCK:
        _is_told(outcome)
        return
    is_new = restore.ending is RestoreEnding.RESTORED
    for name, step in stepped.items():
        wanted = step.to_version if is_new else step.from_version
        others = outcome.ran[name] - {wanted}
        assert not others or _was_gone_back_from(outcome, name, wanted), outcome.report()


def _was_gone_back_from(outcome: Outcome, service: str, version: str) -> bool:
    """Was it Everup's or a person's own rollback, after the end, which is another story?"""
    (end,) = [n for n, x in enumerate(outcome.entries) if isinstance(x, e.RestoreEnded)]
    return any(
        isinstance(entry, e.Intended)
        and entry.step.target == service
        and entry.step.parameters.get(FROM) == version
        for entry in outcome.entries[end:]  # by their order: both may come of the same look
    )


def _has_one_end(outcome: Outcome) -> None:
    began = [x.restore_id for x in outcome.entries if isinstance(x, e.RestoreBegan)]
    ended = [x.restore_id for x in outcome.entries if isinstance(x, e.RestoreEnded)]
    assert began == ended, outcome.report()
    assert outcome.state.open_restore is None


def _is_told(outcome: Outcome) -> None:
    """Only a person's own stop, or hands that were broken for a quarter of an hour, leave it so."""
    restore = outcome.restore
    assert restore is not None
    told = {x.service for x in outcome.entries if isinstance(x, e.IncidentEscalated)}
    between = {
        step.service
        for step in restore.steps
        if f"{step.service} was" in restore.ended_because
        or f"{step.service} could" in restore.ended_because
    }
    assert between, outcome.report()
    assert between <= told, outcome.report()
    for step in restore.steps:
        if step.service not in between:
            assert outcome.ran[step.service] == {step.from_version}, outcome.report()


def test_a_seed_repeats() -> None:
    (one, first), (other, second) = play(3), play(3)
    assert first == second
    assert one.ran == other.ran
