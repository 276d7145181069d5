"""The built-in journal meets the contract that Everup ships for plugin authors, in any place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from everup.journal import SqlJournal
from everup.model.entries import Entry
from everup.testing import FaultyJournal, JournalCase, check_journal, journal_cases
from tests.contract.journal_labs import LABS, MemoryLab


@pytest.mark.parametrize("lab", LABS)
@pytest.mark.parametrize("case", journal_cases(), ids=str)
def test_journal(case: JournalCase, lab: str, tmp_path: Path) -> None:
    case.run(LABS[lab](tmp_path))


def test_all_cases_pass_in_memory() -> None:
    report = check_journal(MemoryLab)
    assert report.failed == {}
    assert len(report.passed) == len(journal_cases())


def test_a_wrapper_without_faults_meets_the_contract_too() -> None:
    class Wrapped(MemoryLab):
        def journal(self) -> FaultyJournal:  # type: ignore[override]
            return FaultyJournal(super().journal())

    assert check_journal(Wrapped).failed == {}


def broken(**methods: object) -> type[MemoryLab]:
    """A lab whose journal does some things its own way."""

    class Lab(MemoryLab):
        def journal(self) -> SqlJournal:
            made = super().journal()
            for name, method in methods.items():
                setattr(made, name, getattr(method, "__get__")(made))  # noqa: B009
            return made

    return Lab


async def _one_by_one(
    self: SqlJournal, entries: Sequence[Entry], fence: int, *, batch_id: str = ""
) -> None:
    for entry in entries:
        await SqlJournal.append(self, [entry], fence)


async def _whoever_asks(
    self: SqlJournal, entries: Sequence[Entry], fence: int, *, batch_id: str = ""
) -> None:
    await SqlJournal.append(self, entries, self._fence, batch_id=batch_id)


async def _always_whole(self: SqlJournal) -> str:
    return ""


@pytest.mark.parametrize(
    ("lab", "fails"),
    [
        (
            broken(append=_one_by_one),
            {"writes_a_batch_once", "a_cancelled_write_is_whole_or_nothing"},
        ),
        (broken(append=_whoever_asks), {"refuses_an_old_fence"}),
        (
            broken(verify_chain=_always_whole),
            {"finds_tampering", "finds_removal", "finds_reordering"},
        ),
    ],
    ids=["writes-one-by-one", "asks-no-fence", "trusts-its-chain"],
)
def test_a_broken_journal_is_found(lab: type[MemoryLab], fails: set[str]) -> None:
    assert set(check_journal(lab).failed) >= fails
