"""The JSON Schema of everup.yaml: kept equal to the code, and no stricter than `everup check`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from everup.cli.verbs import app
from everup.config import ConfigError, Loaded
from everup.config.document import FIELDS as TOP_FIELDS
from everup.config.errors import Problems
from everup.config.schema import as_text, build, shipped
from everup.config.schema.texts import settings_texts
from everup.config.service import FIELDS as SERVICE_FIELDS
from everup.config.settings_rules import NAMES
from everup.config.yaml_tree import Node, parse

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
SCHEMA: dict[str, Any] = json.loads(shipped())
VALIDATOR = Draft7Validator(SCHEMA)
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def as_an_editor_sees(node: Node) -> Any:
    """Plain values by the rules of YAML 1.2, which editors follow."""
    if node.kind == "mapping":
        return {entry.key: as_an_editor_sees(entry.node) for entry in node.entries}
    if node.kind == "list":
        return [as_an_editor_sees(item) for item in node.items]
    if node.is_empty:
        return None
    if node.is_quoted:
        return node.raw
    if node.raw.lower() in {"true", "false"} and node.raw in {
        node.raw.lower(),
        node.raw.upper(),
        node.raw.title(),
    }:
        return node.raw.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", node.raw):
        return int(node.raw)
    return float(node.raw) if _NUMBER.fullmatch(node.raw) else node.raw


def complaints(text: str) -> list[str]:
    node = parse(dedent(text), "everup.yaml", Problems())
    if node is None:
        return ["not YAML"]
    found = VALIDATOR.iter_errors(as_an_editor_sees(node))
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def written_in_tests() -> Iterator[str]:
    """Every text of the tests that could be a configuration."""
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if "services" in node.value and "stack" in node.value:
                    yield dedent(node.value)


def written_in_docs() -> Iterator[str]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        page = path.read_text(encoding="utf-8")
        for body in re.findall(r"^```yaml[^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            yield body
            yield f"stack: s\nservices: [api]\n{body}"
            inner = "".join(f"    {line}\n" for line in body.splitlines())
            yield f"stack: s\nservices:\n  postgres:\n  redis:\n  mailer:\n  api:\n{inner}"


TEXTS = sorted({*written_in_tests(), *written_in_docs()})


def accepted(load: Callable[..., Loaded], text: str) -> bool:
    try:
        load(text)
    except (ConfigError, ValueError):
        return False
    return True


def test_there_are_many_files_to_compare(load: Callable[..., Loaded]) -> None:
    assert sum(accepted(load, text) for text in TEXTS) >= 20


@pytest.mark.parametrize("text", TEXTS)
def test_what_check_accepts_the_schema_accepts(load: Callable[..., Loaded], text: str) -> None:
    if accepted(load, text):
        assert complaints(text) == []


ONE = "stack: s\nservices: [a]\n"
BAD = [
    "services: [a]",
    "stack: s",
    "stack: My Stack\nservices: [a]",
    f"stack: {'a' * 64}\nservices: [a]",
    "stack: s\nservices: web",
    "stack: s\nservices: {}",
    "stack: s\nservices: {A: }",
    "stack: s\nservices: [{a: , b: }]",
    "stack: s\nruntime: procesess\nservices: [a]",
    f"{ONE}comand: x",
    f"{ONE}mode: automatic",
    f"{ONE}modes: {{start: auto}}",
    f"{ONE}modes: {{recreate: yes}}",
    f"{ONE}time_scale: 0",
    f"{ONE}listen: localhost",
    f"{ONE}listen: 99999",
    f"{ONE}thresholds: {{health_score: 1.5}}",
    f"{ONE}thresholds: {{tick_s: 5}}",
    f"{ONE}settings: {{tick_s: 0}}",
    f"{ONE}settings: {{tick_s: soon}}",
    f"{ONE}settings: {{time_scale: 1}}",
    f"{ONE}settings: {{hang_lasts_s: 2}}",
    f"{ONE}settings: {{budget_actions: 1.5}}",
    f"{ONE}settings: {{headroom_bytes: many}}",
    f"{ONE}maintenance: [{{from: '1:00'}}]",
    f"{ONE}prices: {{cpu_hour: much}}",
    f"{ONE}prices: {{currency: EUR}}",
    f"{ONE}maintenance: [{{from: '1:00', to: '25:00'}}]",
    f"{ONE}maintenance: [{{from: '1:00', to: '2:00', days: [someday]}}]",
]
BAD_SERVICES = [
    "localhost:8080",
    "ftp://host/file",
    "http://user:secret@host/health",
    "tcp://host",
    "'exec:'",
    "[a]",
    "{comand: x}",
    "{command: []}",
    "{command: {a: b}}",
    "{port: 99999}",
    "{port: http}",
    "{env: {1A: x}}",
    "{env: {A: }}",
    "{env: {A: [x]}}",
    "{instances: -1}",
    "{instances: {count: 1, most: 2}}",
    "{probe: {}}",
    "{probe: {http: 'http://a/b', tcp: 'a:1'}}",
    "{probe: {tcp: 'a:1', expect_status: 200}}",
    "{probe: {http: 'http://a/b', expect_status: [200, 300, 400]}}",
    "{probe: {http: 'http://a/b', expect_status: 99}}",
    "{probe: {tcp: 'a:1', timeout_s: 400}}",
    "{depends_on: {b: hardly}}",
    "{depends_on: {b: {weight: 2}}}",
    "{depends_on: {b: [hard]}}",
    "{limits: {memory: 1}}",
    "{limits: {memory: 512 MoB}}",
    "{limits: {cpus: 0}}",
    "{priority: 5000}",
    "{stateful: perhaps}",
    "{start_period_s: 1 week}",
    "{stop: {signal: SIGKILL}}",
    "{stop: {signal: KILL}}",
    "{stop: {grace_s: 2h}}",
    "{hooks: {busy: {}}}",
    "{hooks: {busy: {http: 'FETCH http://a/b'}}}",
    "{hooks: {busy: {exec: x, http: 'http://a/b'}}}",
    "{thresholds: {tick_s: 1}}",
    "{when_stopped: perhaps}",
    "{labels: {everup.freze: yes}}",
    "{labels: {a: [b]}}",
    "{mode: careful}",
    "{scaling: {axis: up}}",
    "{scaling: {cpu: 70%}}",
    "{scaling: {cpu: {out: 70%}}}",
    "{scaling: {memory: {out: 1.5, in: 0.2}}}",
    "{scaling: {latency: soon}}",
    "{scaling: {errors: few}}",
    "{scaling: {queue: {key: jobs, per_instance: 1}}}",
    "{scaling: {queue: {redis: 'a:6379', per_instance: 1}}}",
    "{scaling: {queue: {http: 'http://a/b'}}}",
    "{scaling: {queue: {http: 'http://a/b', command: x, per_instance: 1}}}",
    "{scaling: {plan: [{from: '1:00', to: '2:00'}]}}",
    "{scaling: {idle: 1}}",
    "{probe: }",
]
NOT_EXPRESSED = {"{stop: {grace_s: 2h}}", "runtime: procesess\nservices: [a]"}
"""Bounds of durations that are written as text, and which plugins are installed."""


@pytest.mark.parametrize("text", [*BAD, *(f"stack: s\nservices:\n  a: {s}" for s in BAD_SERVICES)])
def test_what_the_schema_refuses_check_refuses_too(load: Callable[..., Loaded], text: str) -> None:
    assert not accepted(load, text)
    if not any(text.endswith(case) for case in NOT_EXPRESSED):
        assert complaints(text) != []


def test_the_shipped_file_follows_from_the_code() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert shipped() == as_text(build(settings_texts(page))), "run make schema"


def test_it_is_a_schema_and_names_every_field() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == set(TOP_FIELDS)
    assert set(SCHEMA["definitions"]["service"]["properties"]) == set(SERVICE_FIELDS)
    assert set(SCHEMA["properties"]["settings"]["properties"]) == set(NAMES)


def fields(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named field with its place, however deep."""
    if isinstance(part, list):
        for item in part:
            yield from fields(item, path)
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if name == "properties":
            for field, described in value.items():
                yield f"{path}.{field}", described
                yield from fields(described, f"{path}.{field}")
        elif name not in ("default", "examples", "enum"):
            yield from fields(value, path)


FIELDS = {path: part for path, part in fields(SCHEMA) if "$ref" not in part}


def test_every_field_says_what_it_is_and_shows_one() -> None:
    silent = {
        path
        for path, part in FIELDS.items()
        if not part.get("description") or not part.get("type") or not part.get("examples")
    }
    assert len(FIELDS) > 100
    assert silent == set()


@pytest.mark.parametrize("path", FIELDS)
def test_examples_and_defaults_are_what_the_field_takes(path: str) -> None:
    part = FIELDS[path]
    inner = Draft7Validator({**part, "definitions": SCHEMA["definitions"]})
    shown = [*part["examples"], *([part["default"]] if "default" in part else [])]
    assert [value for value in shown if not inner.is_valid(value)] == []


def test_check_prints_the_shipped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["check", "--schema"])
    assert (result.exit_code, result.output) == (0, shipped())
