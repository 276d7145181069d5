"""`python -m everup.config.schema docs/settings.md`: write the shipped file, for `make schema`."""

from __future__ import annotations

import sys
from pathlib import Path

from everup.config.schema import FILE, as_text, build
from everup.config.schema.texts import settings_texts

if __name__ == "__main__":
    page = Path(sys.argv[1]).read_text(encoding="utf-8")
    FILE.write_text(as_text(build(settings_texts(page))), encoding="utf-8")
