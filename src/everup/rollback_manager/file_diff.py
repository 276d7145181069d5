"""How two states of a file differ, in lines that show no secret. Pure.

Flows in: a path and its content before and after; None: it was not there, or not kept. Flows out:
bounded lines. What looks like a secret by its name is shown only as changed; in other files the
values of environments, and of what is called a password or the like, are replaced by a number that
is the same for the same value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import unified_diff
from fnmatch import fnmatch

BYTES_MOST = 256 * 1024
LINES_MOST = 40
CHARS_MOST = 160
SECRET_NAMES = (
    *("*secret*", "*password*", "*passwd*", "*credential*", "*token*", "*private*"),
    *("*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.asc", "*.gpg"),
    *(".env", "*.env", ".env.*", ".pgpass", ".netrc", ".htpasswd", "shadow", "id_*"),
)
_SAID = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|private[-_]?key|access[-_]?key"
    r"|credentials?|auth)[\w-]*[\"']?\s*(?:[:=]|\s)\s*)(\S.*)$"
)
_URL = re.compile(r"(\w+://)([^/@\s]+)(@)")
_ENVIRONMENT = re.compile(r"^(\s*)(?:-\s+)?(?:environment|env)\s*:\s*(.*)$")
_VARIABLE = re.compile(r"^(\s*(?:-\s+)?[\"']?[\w.-]+\s*[:=]\s*)(.*)$")


def is_secret(path: str) -> bool:
    """Does it look like a secret by its name?"""
    parts = path.lower().split("/")
    name = parts[-1]
    is_named = any(fnmatch(name, pattern) for pattern in SECRET_NAMES)
    return is_named or any("secret" in part for part in parts)


def file_lines(path: str, before: bytes | None, after: bytes | None) -> Sequence[str]:
    """What a person may read of it; empty where both are the same."""
    if before == after:
        return ()
    if before is None or after is None:
        return (f"{path}: {'is new' if before is None else 'is gone'}",)
    if is_secret(path):
        return (f"{path}: changed; it looks like a secret, so nothing of it is shown",)
    sizes = f"{path}: changed, {len(before)} → {len(after)} bytes"
    texts = (_text(before), _text(after))
    if texts[0] is None or texts[1] is None:
        return (sizes,)
    hidden = _Hidden()
    first, second = hidden.lines(texts[0]), hidden.lines(texts[1])
    found = list(unified_diff(first, second, n=1, lineterm=""))[2:]
    shown = [_short(line) for line in found[:LINES_MOST]]
    more = [f"and {len(found) - LINES_MOST} more lines"] if len(found) > LINES_MOST else []
    return (sizes, *shown, *more)


class _Hidden:
    """Values that are not shown, by a number each, the same in both states."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def lines(self, text: str) -> list[str]:
        """The text without them."""
        found: list[str] = []
        inside = -1  # how far an `environment:` is indented; below it are variables
        for line in text.splitlines():
            indent = len(line) - len(line.lstrip())
            if inside >= 0 and line.strip() and not self._is_inside(line, indent, inside):
                inside = -1
            if inside >= 0:
                found.append(self._variable(line))
                continue
            if environment := _ENVIRONMENT.match(line):
                inside, said = len(environment[1]), environment[2]
                found.append(line if not said else line[: environment.start(2)] + self._of(said))
                continue
            found.append(self._plain(line))
        return found

    @staticmethod
    def _is_inside(line: str, indent: int, inside: int) -> bool:
        return indent > inside or (indent == inside and line.lstrip().startswith("- "))

    def _variable(self, line: str) -> str:
        named = _VARIABLE.match(line)
        if named is None:
            return line if not line.strip() else self._of(line)
        return named[1] + self._of(named[2]) if named[2] else line

    def _plain(self, line: str) -> str:
        line = _URL.sub(lambda m: m[1] + self._of(m[2]) + m[3], line)
        return _SAID.sub(lambda m: m[1] + self._of(m[2]), line)

    def _of(self, value: str) -> str:
        number = self._numbers.setdefault(value, len(self._numbers) + 1)
        return f"(hidden value {number})"


def _text(content: bytes) -> str | None:
    if len(content) > BYTES_MOST or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _short(line: str) -> str:
    return line if len(line) <= CHARS_MOST else f"{line[:CHARS_MOST]}…"
