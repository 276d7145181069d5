"""Where Everup lives for this command: the file, the state folder and the address.

The address is, in this order: `--url`, EVERUP_URL, what the running `everup up` of the state folder
wrote down, EVERUP_LISTEN, http://127.0.0.1:8010.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from everup.cli import runfile

DEFAULT_URL = "http://127.0.0.1:8010"
STATE_FOLDER = ".everup"


@dataclass(frozen=True, slots=True)
class Place:
    """What the global options said."""

    file: Path | None = None
    state_dir: Path | None = None
    url: str | None = None
    is_json: bool = False

    def folder(self) -> Path:
        """The state folder: named, or `.everup` beside the configuration."""
        named = self.state_dir or os.environ.get("EVERUP_STATE_DIR", "").strip()
        if named:
            return Path(named).absolute()
        chosen = Path(self.file or os.environ.get("EVERUP_FILE", "").strip() or ".")
        beside = chosen if chosen.is_dir() else chosen.parent
        return beside.absolute() / STATE_FOLDER

    def address(self) -> str:
        """Where to ask."""
        named = self.url or os.environ.get("EVERUP_URL", "").strip()
        if named:
            return named.rstrip("/")
        running = runfile.find(self.folder())
        if running is not None:
            return running.address
        listen = os.environ.get("EVERUP_LISTEN", "").strip()
        if listen:
            return f"http://127.0.0.1:{listen}" if listen.isdigit() else f"http://{listen}"
        return DEFAULT_URL
