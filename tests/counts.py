"""How often counted tests repeat themselves: `count("kills")`, from counts.toml beside this file.

EVERUP_COUNTS=full chooses the full counts; without it they are CI's.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

TABLE = tomllib.loads(Path(__file__).with_name("counts.toml").read_text())


def count(name: str) -> int:
    """The count of this name in the chosen column."""
    column = os.environ.get("EVERUP_COUNTS", "ci")
    if column not in TABLE:
        raise ValueError(f"EVERUP_COUNTS={column!r}: there are {', '.join(TABLE)}")
    return int(TABLE[column][name])
