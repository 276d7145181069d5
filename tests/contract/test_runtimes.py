"""Every built-in runtime meets the contract that Everup ships for plugin authors."""

from __future__ import annotations

from pathlib import Path

import pytest

from everup.model.runtime import Capability
from everup.runtimes.processes import MANIFEST as PROCESSES
from everup.runtimes.simulated import MANIFEST as SIMULATED
from everup.testing import Case, all_cases, cases_for, unfounded_exemptions
from tests.contract.process_lab import ProcessLab
from tests.contract.simulated_lab import SimulatedLab


@pytest.mark.system
@pytest.mark.parametrize("case", cases_for(PROCESSES), ids=str)
def test_processes(case: Case, tmp_path: Path) -> None:
    case.run(ProcessLab(tmp_path))


@pytest.mark.parametrize("case", cases_for(SIMULATED), ids=str)
def test_simulated(case: Case) -> None:
    case.run(SimulatedLab())


def test_simulated_can_everything_that_needs_no_socket() -> None:
    assert SIMULATED.exempt == {}
    left_out = [case for case in all_cases() if case not in cases_for(SIMULATED)]
    assert all(Capability.CONNECTIONS in case.needs for case in left_out), left_out


def test_processes_exempts_itself_of_whom_a_port_belongs_to_alone() -> None:
    assert set(PROCESSES.exempt) == {"who_is_named_leaves_first"}
    assert unfounded_exemptions(PROCESSES) == []


def test_every_capability_has_a_case() -> None:
    needed = {capability for case in all_cases() for capability in case.needs}
    told_without = {"list", "watch", "start", "stop"}
    assert {str(c) for c in needed} | told_without >= {str(c) for c in PROCESSES.capabilities}
