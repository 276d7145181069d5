"""docs/everup-yaml.md is run: its examples load, its mistake is told as it says, nothing lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from everup.config import ConfigError, Loaded, load_stack
from everup.config.dependencies import EDGE_FIELDS
from everup.config.document import FIELDS as TOP_FIELDS
from everup.config.environment import NOT_BUILT_YET, OPTION_NAMES, THRESHOLD_VARIABLE
from everup.config.maintenance import WINDOW_FIELDS
from everup.config.notify import HEARTBEAT_FIELDS, NOTIFY_FIELDS, WEBHOOK_FIELDS
from everup.config.parts import ASKED_ONLY
from everup.config.probe import HOOK_FIELDS, HOOKS, PROBE_FIELDS
from everup.config.scaling import PRICE_FIELDS, QUEUE_FIELDS, SCALING_FIELDS
from everup.config.service import FIELDS as SERVICE_FIELDS
from everup.config.settings_rules import NAMES, THRESHOLD_NAMES
from everup.model.kinds import ActionKind

PAGE = Path(__file__).parents[3] / "docs" / "everup-yaml.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
OTHERS = "  postgres:\n  redis:\n  mailer:\n"


def blocks(kind: str) -> list[str]:
    return [body for language, of, body in BLOCKS if (language, of) == ("yaml", kind)]


@pytest.mark.parametrize("body", blocks(""))
def test_whole_files_load(load: Callable[..., Loaded], body: str) -> None:
    loaded = load(body)
    assert loaded.stack.services or loaded.refinement


@pytest.mark.parametrize("body", blocks("top"))
def test_blocks_of_the_top_level_load(load: Callable[..., Loaded], body: str) -> None:
    assert load(f"stack: s\nservices: [api]\n{body}").stack.services


@pytest.mark.parametrize("body", blocks("service"))
def test_blocks_of_a_service_load(load: Callable[..., Loaded], body: str) -> None:
    text = f"stack: s\nservices:\n{OTHERS}  api:\n{indent(body, '    ')}"
    assert "api" in load(text).stack.services


def test_the_mistake_is_told_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wrong,) = blocks("wrong")
    (told,) = [body for language, _, body in BLOCKS if language == "text"]
    monkeypatch.chdir(tmp_path)
    Path("everup.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_stack(None, {})
    assert str(caught.value) == told.strip()


def test_every_field_is_on_the_page() -> None:
    names = {*TOP_FIELDS, *SERVICE_FIELDS, *PROBE_FIELDS, *HOOK_FIELDS, *HOOKS, *EDGE_FIELDS}
    names |= {*THRESHOLD_NAMES, *NOT_BUILT_YET, "count", "min", "max", "signal", "grace_s"}
    names |= {*SCALING_FIELDS, *QUEUE_FIELDS, *PRICE_FIELDS}
    names |= {*NOTIFY_FIELDS, *WEBHOOK_FIELDS, *HEARTBEAT_FIELDS}
    names |= {"memory", "cpus", "days", "services"}
    names |= {kind.value for kind in ActionKind if kind not in ASKED_ONLY}
    assert sorted(name for name in names if f"`{name}`" not in TEXT) == []
    assert sorted(name for name in WINDOW_FIELDS if f"{name}:" not in TEXT) == []


def test_every_variable_and_setting_is_on_the_page_of_settings() -> None:
    text = (PAGE.parent / "settings.md").read_text(encoding="utf-8")
    variables = {f"EVERUP_{name.upper()}" for name in OPTION_NAMES}
    names = {*NAMES, *NOT_BUILT_YET, THRESHOLD_VARIABLE, *variables}
    assert sorted(name for name in names if f"`{name}`" not in text) == []
