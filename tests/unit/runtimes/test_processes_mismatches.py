"""What runs and is not declared, or not any more as it runs, is named and left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from everup.model.stack import ServiceSpec
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.declared import Declarations
from everup.runtimes.processes.mismatches import mismatches
from everup.runtimes.processes.records import Record, Stage
from tests.unit.builders import service, stack

WEB = service("web", port=8000, env={"TOKEN": "secret"})


def runs(spec: ServiceSpec, index: int = 0) -> Record:
    made = Configuration.of(spec)
    return Record(spec.name, index, "n", "boot", 1, made, Stage.RUNNING, pid=77)


def said(folder: Path, record: Record) -> str:
    now = stack(WEB)
    found = mismatches([record], Declarations(now, folder), now)
    return "".join(mismatch.text for mismatch in found)


def test_what_runs_as_declared_is_not_mentioned(tmp_path: Path) -> None:
    assert said(tmp_path, runs(WEB)) == ""
    assert said(tmp_path, replace(runs(WEB), configuration=None)) == ""


def test_a_removed_service_is_named_with_its_process(tmp_path: Path) -> None:
    text = said(tmp_path, runs(service("web2", port=8000)))
    assert text.startswith("web2-0 (process 77) runs and is not declared any more")
    assert "kill 77" in text


def test_an_instance_too_many_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, runs(WEB, index=1)).startswith("web-1 (process 77) runs, and only 1 of")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"command": ("y",)}, "command"),
        ({"port": 9000}, "port"),
        ({"env": {"TOKEN": "other"}}, "env"),
        ({"command": ("y",), "port": 9000}, "command, port"),
    ],
)
def test_an_older_declaration_is_named_without_its_secrets(
    tmp_path: Path, change: dict[str, object], names: str
) -> None:
    text = said(tmp_path, runs(replace(WEB, **change)))  # type: ignore[arg-type]
    assert text == (
        f"web-0 runs with an older declaration ({names}); "
        "apply the present one with: everup heal web"
    )
