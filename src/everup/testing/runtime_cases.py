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

from everup.model.runtime import Capability, RuntimeManifest
from everup.testing.runtime_lab import RuntimeLab

Story = Callable[[RuntimeLab], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One promise of the port: its name, its story, and the verbs without which it is moot."""

    name: str
    story: Story
    needs: frozenset[Capability] = frozenset()

    def run(self, lab: RuntimeLab) -> None:
        """Tell the story in this lab; raises AssertionError where the runtime breaks the promise."""
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


def all_cases() -> Sequence[Case]:
    """Every case, in the order in which a person would want them to fail."""
    return ()


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
