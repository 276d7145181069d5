"""The Docker runtime meets the contract, against a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from everup.runtimes.docker import MANIFEST
from everup.testing import Case, cases_for, unfounded_exemptions
from tests.contract.docker_lab import DockerLab

pytestmark = pytest.mark.system


@pytest.mark.parametrize("case", cases_for(MANIFEST), ids=str)
def test_docker(case: Case, tmp_path: Path) -> None:
    case.run(DockerLab(tmp_path))


def test_docker_exempts_itself_of_nothing() -> None:
    assert MANIFEST.exempt == {}
    assert unfounded_exemptions(MANIFEST) == []
