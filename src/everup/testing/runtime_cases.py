"""The contract of the Runtime port as cases that any runtime's author can run.

Flows in: a function that makes a fresh `RuntimeLab` for each case. Flows out: a `CaseReport`, or
one pytest parameter per case:

    @pytest.mark.parametrize("case", cases_for(MANIFEST), ids=str)
    def test_contract(case, tmp_path):
        case.run(MyLab(tmp_path))

A case that a runtime cannot meet is left out by name only: a verb that the manifest refuses (with
its reason in `why_not`), or a case listed with its reason in `manifest.exempt`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from everup.model.runtime import Capability as C
from everup.model.runtime import RuntimeManifest
from everup.testing import runtime_aside as aside
from everup.testing import runtime_bounds as bounds
from everup.testing import runtime_files as files
from everup.testing import runtime_holds as holds
from everup.testing import runtime_life as life
from everup.testing import runtime_restore as restore
from everup.testing import runtime_talk as talk
from everup.testing import runtime_truth as truth
from everup.testing.runtime_lab import RuntimeLab

Story = Callable[[RuntimeLab], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One promise of the port: its name, its story, and the verbs without which it is moot."""

    name: str
    story: Story
    needs: frozenset[C] = frozenset()

    def run(self, lab: RuntimeLab) -> None:
        """Tell the story in this lab. Raises AssertionError where the promise is broken."""
        lab.run(self.story(lab))

    def excuse(self, manifest: RuntimeManifest) -> str:
        """Why this runtime need not meet the case; empty: it must."""
        if self.name in manifest.exempt:
            return manifest.exempt[self.name]
        missing = sorted(c for c in self.needs if not manifest.can(c))
        return f"cannot {missing[0]}: {manifest.why_not.get(missing[0], '')}" if missing else ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What `check_runtime` found: names that passed, name → reason for the rest."""

    passed: tuple[str, ...] = ()
    excused: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def _case(story: Story, *needs: C) -> Case:
    return Case(story.__name__, story, frozenset(needs))


_GOES_BACK = (C.CAPTURE, C.APPLY, C.RESTART, C.RESTORE)
_CASES: tuple[Case, ...] = (
    _case(bounds.the_manifest_is_honest),
    _case(life.lists_what_it_started),
    _case(life.start_leaves_running_ones_alone),
    _case(life.start_is_for_the_named_instance_alone),
    _case(life.stops_within_grace),
    _case(life.stop_is_for_the_named_instance_alone),
    _case(life.does_not_kill_when_it_may_not, C.RESTART),
    _case(life.kills_after_grace_when_it_may),
    _case(life.kill_ends_the_stubborn, C.KILL),
    _case(life.restart_changes_the_identity_of_its_target_alone, C.RESTART),
    _case(life.restart_of_a_service_is_for_all_its_instances, C.RESTART),
    _case(life.restart_starts_what_is_dead, C.RESTART),
    _case(life.restart_with_no_grace_heals_what_hangs, C.RESTART),
    _case(life.a_cancelled_restart_is_told_truthfully, C.RESTART, C.KILL),
    _case(life.a_restart_cancelled_at_any_moment_leaves_one_life_or_none, C.RESTART),
    _case(life.a_second_call_waits_or_is_sent_away, C.RESTART),
    _case(life.closing_leaves_services_alone_unless_asked),
    _case(life.recreate_replaces_its_target_alone, C.RECREATE),
    _case(life.isolating_and_rejoining_keep_the_life, C.ISOLATE, C.REJOIN),
    _case(truth.a_death_is_an_event_with_its_code),
    _case(truth.what_we_end_is_marked_ours),
    _case(truth.a_start_is_an_event),
    _case(truth.every_watcher_hears_everything),
    _case(truth.watching_begins_with_the_call),
    _case(truth.watching_ends_with_the_runtime),
    _case(truth.the_dead_stay_listed_until_replaced),
    _case(truth.one_that_hangs_is_listed_as_running),
    _case(truth.counters_never_go_back),
    _case(truth.a_listing_bears_the_time_of_its_making),
    _case(truth.what_runs_survives_the_loss_of_its_controller),
    _case(truth.who_died_without_a_controller_is_listed_as_dead),
    _case(truth.the_dead_are_still_listed_by_the_next_controller),
    _case(bounds.an_unknown_service_is_named),
    _case(bounds.an_unknown_instance_is_named),
    _case(bounds.an_empty_name_is_nothing_and_never_everything),
    _case(bounds.acting_on_nothing_does_nothing),
    _case(bounds.a_closed_runtime_says_so),
    _case(bounds.the_count_is_what_was_set, C.SET_INSTANCES),
    _case(bounds.a_senseless_count_is_refused, C.SET_INSTANCES),
    _case(bounds.who_is_named_leaves_first, C.SET_INSTANCES),
    _case(bounds.limits_change_without_a_restart, C.SET_LIMITS),
    _case(bounds.a_limit_can_be_taken_away, C.SET_LIMITS),
    _case(bounds.logs_are_the_last_lines_and_bounded, C.LOGS),
    _case(bounds.a_hook_is_run_and_answers, C.RUN_HOOK),
    _case(bounds.a_hook_of_what_does_not_run_is_not_run, C.RUN_HOOK),
    _case(bounds.a_hook_of_one_instance_is_run_for_it_alone, C.RUN_HOOK),
    _case(bounds.what_runs_has_processes, C.PROCESSES),
    _case(bounds.what_was_captured_can_be_applied, C.CAPTURE, C.APPLY, C.RESTART),
    _case(bounds.what_was_applied_survives_the_controller, C.CAPTURE, C.APPLY, C.RESTART),
    _case(bounds.senseless_configuration_is_refused, C.CAPTURE, C.APPLY),
    _case(holds.evidence_is_told_and_changes_nothing, C.EVIDENCE),
    _case(holds.evidence_of_what_hangs_does_not_hang, C.EVIDENCE, C.KILL),
    _case(holds.a_changed_limit_is_given_back, C.RELEASE, C.SET_LIMITS),
    _case(holds.what_a_lost_controller_held_is_given_back, C.RELEASE, C.SET_LIMITS),
    _case(holds.isolation_is_given_back, C.RELEASE, C.ISOLATE),
    _case(holds.one_instance_is_isolated_alone, C.RELEASE, C.ISOLATE, C.REJOIN),
    _case(aside.quarantine_replaces_its_target_alone, C.QUARANTINE, C.RELEASE),
    _case(aside.what_hangs_is_healed_by_a_fresh_one, C.QUARANTINE, C.RELEASE),
    _case(aside.one_of_a_service_is_kept_at_most, C.QUARANTINE, C.RELEASE),
    _case(aside.what_is_dead_is_started_and_not_kept, C.QUARANTINE, C.RELEASE),
    _case(aside.what_is_kept_ends_when_its_time_is_over, C.QUARANTINE, C.RELEASE),
    _case(aside.what_a_lost_controller_kept_is_given_back, C.QUARANTINE, C.RELEASE),
    _case(aside.a_quarantine_cut_short_leaves_one_life_or_none, C.QUARANTINE),
    _case(bounds.a_pinned_image_has_an_address, C.PIN_IMAGE),
    _case(bounds.an_image_is_unpinned_and_stays, C.PIN_IMAGE, C.UNPIN_IMAGE),
    _case(restore.a_version_is_what_something_is_made_of, *_GOES_BACK),
    _case(restore.a_limit_of_ours_makes_no_other_version, *_GOES_BACK, C.SET_LIMITS, C.RELEASE),
    _case(restore.what_ran_before_runs_again, *_GOES_BACK),
    _case(restore.what_was_gone_back_to_stays, *_GOES_BACK),
    _case(restore.what_cannot_be_had_changes_nothing, *_GOES_BACK),
    _case(files.a_changed_file_makes_another_version, *_GOES_BACK, C.FILES),
    _case(files.files_are_as_they_were_and_are_read_again, *_GOES_BACK, C.FILES),
    _case(files.without_files_none_is_written, *_GOES_BACK, C.FILES),
    _case(files.a_file_that_came_goes, *_GOES_BACK, C.FILES),
    _case(files.going_back_cut_short_leaves_old_or_new, *_GOES_BACK, C.FILES),
    _case(talk.who_talks_to_whom_is_seen, C.CONNECTIONS),
    _case(talk.who_is_gone_talks_to_nobody, C.CONNECTIONS, C.KILL),
)


def all_cases() -> Sequence[Case]:
    """Every case, in the order in which a person would want them to fail."""
    return _CASES


def unfounded_exemptions(manifest: RuntimeManifest) -> Sequence[str]:
    """Exemptions that name no case or give no reason: a manifest must have none."""
    names = {case.name for case in _CASES}
    return [n for n, reason in manifest.exempt.items() if n not in names or not reason.strip()]


def cases_for(manifest: RuntimeManifest) -> Sequence[Case]:
    """The cases that a runtime with this manifest has to meet."""
    return [case for case in all_cases() if not case.excuse(manifest)]


def check_runtime(make_lab: Callable[[], RuntimeLab]) -> CaseReport:
    """Run every case, each in a lab of its own, and report; never raises for a failing case."""
    passed: list[str] = []
    excused: dict[str, str] = {}
    failed: dict[str, str] = {}
    for case in all_cases():
        lab = make_lab()
        if reason := case.excuse(lab.manifest):
            excused[case.name] = reason
            continue
        try:
            case.run(lab)
        except Exception as error:  # noqa: BLE001 - a broken runtime may raise anything
            failed[case.name] = f"{type(error).__name__}: {error}"
        else:
            passed.append(case.name)
    return CaseReport(tuple(passed), excused, failed)
