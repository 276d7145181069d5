"""Contract cases that Everup ships: whoever writes a runtime runs `check_runtime` on it, whoever
writes a journal `check_journal`.

Imports `model` and `loop` alone; what is built in passes the same cases as anyone else's.
"""

from everup.testing.journal_cases import JournalCase, check_journal, journal_cases
from everup.testing.journal_faults import FaultyJournal, WriteFault
from everup.testing.journal_lab import JournalLab, Tampering
from everup.testing.runtime_cases import (
    Case,
    CaseReport,
    all_cases,
    cases_for,
    check_runtime,
    unfounded_exemptions,
)
from everup.testing.runtime_lab import RuntimeLab, lab_stack

__all__ = [
    "Case",
    "CaseReport",
    "FaultyJournal",
    "JournalCase",
    "JournalLab",
    "RuntimeLab",
    "Tampering",
    "WriteFault",
    "all_cases",
    "cases_for",
    "check_journal",
    "check_runtime",
    "journal_cases",
    "lab_stack",
    "unfounded_exemptions",
]
