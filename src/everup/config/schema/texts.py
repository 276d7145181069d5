"""docs/settings.md → one sentence per setting, so that its words stand in one place alone.

Read when the schema is written (`make schema`) and by the test that keeps the shipped file true;
nothing here runs in an installed Everup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ROW = re.compile(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", re.MULTILINE)
_GOES_ON = "…"
_LEANS = ("the same", "and ")


def settings_texts(page: str) -> Mapping[str, str]:
    """Name → meaning. A sentence that goes on over rows is given whole to each of them, and one
    that leans on the row above is followed by it."""
    groups: list[list[tuple[str, str]]] = []
    for name, text in _ROW.findall(page):
        goes_on = bool(groups) and (text[0] == _GOES_ON or groups[-1][-1][1][-1] == _GOES_ON)
        if goes_on:
            groups[-1].append((name, text))
        elif groups and text.startswith(_LEANS):
            groups.append([(name, f"{text} (see {groups[-1][-1][0]})")])
        else:
            groups.append([(name, text)])
    found: dict[str, str] = {}
    for group in groups:
        whole = " ".join(text.strip(f"{_GOES_ON} ") for _, text in group)
        found |= dict.fromkeys((name for name, _ in group), whole.replace("`", ""))
    return found
