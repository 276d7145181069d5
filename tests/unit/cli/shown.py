"""The commands of docs/explanations.md, each with the recorded answer that it prints.

Read by the tests of these pages, and by what records them: `tests.system.record_stories`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from everup.cli import pages, plan_page, report_page

STORIES = Path(__file__).parent / "stories"
PAGE = Path(__file__).parents[3] / "docs" / "explanations.md"
BLOCK = re.compile(r"^```console\n\$ (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A command of the page, and what is shown below it."""

SHOWN: Mapping[str, tuple[str, Callable[[Any], None]]] = {
    "everup explain web": ("crash", pages.incident),
    "everup explain redis": ("hang", pages.incident),
    "everup explain mailer": ("loop", pages.incident),
    "everup explain mailer --long": ("loop", partial(pages.incident, is_long=True)),
    "everup explain worker": ("observe", pages.incident),
    "everup plan": ("plan", plan_page.plan),
    "everup why-not redis": ("why", pages.why_not),
    "everup report": ("report", report_page.report),
}


def story(name: str) -> Any:
    """A recorded answer of the API."""
    return json.loads((STORIES / f"{name}.json").read_text())


def tidy(said: str) -> str:
    """Printed lines without what the terminal needs at their ends."""
    return "\n".join(line.rstrip() for line in said.splitlines()).strip()
