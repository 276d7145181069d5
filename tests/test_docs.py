"""Nothing that a user can name goes undocumented: settings, variables, endpoints, verbs, metrics.

The code is asked what there is; the pages are asked whether they say it, and whether the defaults
they give are true.
"""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import typer
from starlette.routing import Route

from everup.api import create_api
from everup.cli.verbs import app as cli
from everup.config.environment import NOT_BUILT_YET, OPTION_NAMES, PREFIX, THRESHOLD_VARIABLE
from everup.model.decision import Check
from everup.model.kinds import Mode
from everup.model.settings import Settings
from tests.unit.api.fakes import FakeEngine

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
OF_THE_REPOSITORY = [ROOT / name for name in ("README.md", "CHANGELOG.md", "ARCHITECTURE.md")]
NOT_USED_YET = "not used yet"
MIB = 1024 * 1024


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text()


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """First cell, without its backticks → the other cells, of every table row of a page."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and len(cells) > 1:
            found[cells[0].strip("`| ")] = tuple(cell.rstrip("|").strip() for cell in cells[1:])
    return found


def as_written(name: str, value: float) -> str:
    """A default the way settings.md writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_s"):
        return f"{value:g} s"
    return f"{value / MIB:g} MiB" if name.endswith("_bytes") else f"{value:g}"


SETTINGS = {f.name: getattr(Settings(), f.name) for f in fields(Settings)}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_row_with_its_default(name: str) -> None:
    row = rows(page("settings.md")).get(name)
    assert row is not None, f"docs/settings.md has no row for {name}"
    assert row[0] == as_written(name, SETTINGS[name])
    assert len(row[1]) > 0


def test_settings_md_has_no_row_for_what_does_not_exist() -> None:
    written = {
        name for name in rows(page("settings.md")) if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
    }
    assert written == set(SETTINGS)


def test_a_setting_that_nothing_reads_says_so() -> None:
    elsewhere = "\n".join(
        path.read_text()
        for path in sorted((ROOT / "src" / "everup").rglob("*.py"))
        if path.name not in {"settings.py", "settings_rules.py"}
    )
    idle = {name for name in SETTINGS if not re.search(rf"\b{name}\b", elsewhere)}
    said = {
        n
        for n, row in rows(page("settings.md")).items()
        if n in SETTINGS and NOT_USED_YET in row[1]
    }
    assert said == idle


def sources() -> str:
    return "\n".join(p.read_text() for p in sorted((ROOT / "src" / "everup").rglob("*.py")))


VARIABLES = {
    THRESHOLD_VARIABLE,
    *(f"{PREFIX}{name.upper()}" for name in OPTION_NAMES),
    *NOT_BUILT_YET,
    *re.findall(r"EVERUP_[A-Z_]*[A-Z]", sources()),
}


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_variable_is_in_settings_md(name: str) -> None:
    assert f"`{name}`" in page("settings.md")


@pytest.mark.parametrize("word", [*Check, *Mode])
def test_safety_md_names_every_check_and_mode(word: str) -> None:
    assert word in rows(page("safety.md"))


def test_safety_md_has_the_checks_in_their_order() -> None:
    gate = page("safety.md").partition("## The gate")[2]
    written = [word for word in rows(gate) if word in set(Check)]
    assert written == list(Check)


ENDPOINTS = sorted(
    f"{method} {route.path}"
    for route in create_api(FakeEngine()).state.routes
    if isinstance(route, Route)
    for method in route.methods or ()
    if method != "HEAD"
)


def test_there_are_endpoints() -> None:
    assert "GET /health" in ENDPOINTS


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_is_in_api_md(endpoint: str) -> None:
    assert endpoint in page("api.md")


def test_metrics_md_has_a_row_for_each_metric_and_no_other() -> None:
    families = {family.name for family in create_api(FakeEngine()).state.registry.collect()}
    written = {name for name in rows(page("metrics.md")) if name.startswith("everup_")}
    assert written == families != set()


COMMANDS = sorted(typer.main.get_group(cli).commands)


def test_there_are_verbs() -> None:
    assert {"up", "down", "status", "check", "demo"} <= set(COMMANDS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_and_option_is_in_cli_md(verb: str) -> None:
    command = typer.main.get_group(cli).commands[verb]
    text = page("cli.md")
    assert f"everup {verb}" in text
    options = [name for parameter in command.params for name in parameter.opts if name[:2] == "--"]
    assert [option for option in options if option not in text] == []


def test_every_page_is_in_its_index() -> None:
    top, decisions = page("README.md"), page("decisions/README.md")
    for path in PAGES:
        if path.name != "README.md":
            index = decisions if path.parent.name == "decisions" else top
            assert f"]({path.name})" in index, f"{path.relative_to(ROOT)} is in no index"


@pytest.mark.parametrize(
    "path", [*OF_THE_REPOSITORY, *PAGES], ids=lambda p: str(p.relative_to(ROOT))
)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_changelog_lines_have_their_form() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    entries = [line for line in lines if line.startswith("- ")]
    form = re.compile(r"- \[(FEATURE|CHANGE|FIX|SECURITY)\] [a-z_]+: \S")
    assert entries
    assert [line for line in entries if not form.match(line)] == []
