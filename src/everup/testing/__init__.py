"""Contract cases that Everup ships: whoever writes a runtime runs `check_runtime` on it, whoever
writes a journal `check_journal`, whoever writes a router `check_router`.

Imports `model` and `loop` alone; what is built in passes the same cases as anyone else's.
"""

from everup.testing.fake_router import FakeRouter, FakeRoutes
from everup.testing.journal_cases import JournalCase, check_journal, journal_cases
from everup.testing.journal_faults import FaultyJournal, WriteFault
from everup.testing.journal_lab import JournalLab, Tampering
from everup.testing.router_cases import RouterCase, check_router, router_cases
from everup.testing.router_lab import RouterLab
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
    "FakeRouter",
    "FakeRoutes",
    "FaultyJournal",
    "JournalCase",
    "JournalLab",
    "RouterCase",
    "RouterLab",
    "RuntimeLab",
    "Tampering",
    "WriteFault",
    "all_cases",
    "cases_for",
    "check_journal",
    "check_router",
    "check_runtime",
    "journal_cases",
    "lab_stack",
    "router_cases",
    "unfounded_exemptions",
]
