"""Finds files that an installed package brought along, without importing it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class Missing(RuntimeError):
    """A real server is not to be found on this host; the message says how to get it."""


def package_folder(package: str) -> Path | None:
    """Where the package lies, or None when it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
