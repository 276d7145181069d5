"""`check_runtime` itself: it passes the good, names what fails, and excuses by name alone."""

from __future__ import annotations

from dataclasses import replace

from everup.model.errors import GiveUp
from everup.model.runtime import Capability
from everup.runtimes.simulated import MANIFEST, SimulatedRuntime
from everup.testing import all_cases, cases_for, check_runtime, unfounded_exemptions
from tests.contract.simulated_lab import SimulatedLab


class Deaf(SimulatedLab):
    """A lab whose runtime cannot be opened."""

    async def open(self) -> SimulatedRuntime:
        raise GiveUp("out of order")


class Modest(SimulatedLab):
    """A lab whose manifest refuses one verb and exempts one case."""

    manifest = replace(
        MANIFEST,
        capabilities=MANIFEST.capabilities - {Capability.PIN_IMAGE},
        why_not={**MANIFEST.why_not, Capability.PIN_IMAGE: "no images"},
        exempt={"a_start_is_an_event": "nobody tells"},
    )


TALK = [case for case in all_cases() if Capability.CONNECTIONS in case.needs]
SOCKETS = {
    case.name: f"cannot connections: {MANIFEST.why_not[Capability.CONNECTIONS]}" for case in TALK
}


def test_a_good_runtime_passes_every_case() -> None:
    report = check_runtime(SimulatedLab)
    assert report.failed == {}
    assert report.excused == SOCKETS
    assert list(report.passed) == [case.name for case in cases_for(MANIFEST)]


def test_a_broken_runtime_fails_by_name_and_raises_nothing() -> None:
    report = check_runtime(Deaf)
    assert report.passed == ()
    assert set(report.failed) == {case.name for case in cases_for(MANIFEST)}
    assert all("out of order" in why for why in report.failed.values())


def test_what_is_left_out_is_named_with_its_reason() -> None:
    report = check_runtime(Modest)
    assert (
        report.excused
        == {
            "a_pinned_image_has_an_address": "cannot pin_image: no images",
            "an_image_is_unpinned_and_stays": "cannot pin_image: no images",
            "a_start_is_an_event": "nobody tells",
        }
        | SOCKETS
    )
    left_out = {c.name for c in all_cases()} - {c.name for c in cases_for(Modest.manifest)}
    assert left_out == set(report.excused)
    assert set(report.failed) == {"the_manifest_is_honest"}, "it does what it says it cannot"


def test_an_exemption_names_a_case_and_a_reason() -> None:
    wrong = replace(Modest.manifest, exempt={"no_such_case": "so", "a_start_is_an_event": " "})
    assert sorted(unfounded_exemptions(wrong)) == ["a_start_is_an_event", "no_such_case"]


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names)
