"""The schema as a file of the package: where it lies, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path

from everup.config.schema.parts import Part

FILE = Path(__file__).with_name("everup.schema.json")


def shipped() -> str:
    """The file's text, as `everup check --schema` prints it."""
    return FILE.read_text(encoding="utf-8")


def as_text(schema: Part) -> str:
    """The same bytes for the same schema."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
