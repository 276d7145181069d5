"""How often a test that draws by chance is run: `tests/counts.toml`, chosen by EVERUP_COUNTS."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

FILE = Path(__file__).with_name("counts.toml")
VARIABLE = "EVERUP_COUNTS"


def count(name: str) -> int:
    """The count of this name in the chosen table.

    Raises:
        ValueError: no such table or name, or no count.
    """
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    chosen = os.environ.get(VARIABLE) or "ci"
    if chosen not in tables:
        raise ValueError(f"{VARIABLE}: {chosen!r} is none of {', '.join(sorted(tables))}")
    found = tables[chosen].get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        known = ", ".join(sorted(tables[chosen]))
        raise ValueError(f"{FILE.name}: [{chosen}] has no count {name!r}; it has {known}")
    return found
