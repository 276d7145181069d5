"""What `everup up` says at its start. Names come from containers, and so from anybody."""

from __future__ import annotations

from dataclasses import replace

from everup.cli.up import _summary
from everup.config import load_without_file
from everup.loop.coverage import coverage
from tests.unit import builders as b


def test_names_are_shown_without_control_characters() -> None:
    named = b.stack(b.service("web\x1b[2J\x07"))
    loaded = replace(load_without_file({}, {}), stack=replace(named, name="shop\x1b]0;x\x07"))
    said = _summary(loaded, "http://127.0.0.1:8010", ("a\x07b",), coverage(named, None))
    assert said[0].startswith("Everup watches shop ")
    assert all(line.isprintable() for line in said)
