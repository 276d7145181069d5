"""Contract cases that Everup ships: whoever writes a runtime runs `check_runtime` on it.

Imports `model` and `loop.ports` alone; built-in runtimes pass the same cases as anyone else's.
"""

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
    "RuntimeLab",
    "all_cases",
    "cases_for",
    "check_runtime",
    "lab_stack",
    "unfounded_exemptions",
]
