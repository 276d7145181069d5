"""How files differ between two moments, in bounded lines that show no secret. Pure.

Flows in: configuration files, or the stack's own, with their content where it was kept. Flows out:
a line for each that came, went or changed hands, and for changed text a unified diff. Of what looks
like a secret only that it changed is said. In other files the values of environments, and of what
is called a password or the like, are replaced by a number that is the same for the same value. That
is a guess, and errs towards hiding. Called by `compare` and `between`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatch

from everup.model.runtime import KeptFile

BYTES_MOST = 256 * 1024
LINES_READ_MOST = 2000
"""Of a longer file only that it changed: comparing takes the square of its lines."""

FILES_MOST = 20
LINES_MOST = 24
CHARS_MOST = 160
CHARS_READ_MOST = 4 * CHARS_MOST
"""Of a line; the rest of it counts as one value that is not shown."""

SECRET_NAMES = (
    *("*secret*", "*passw*", "*credential*", "*token*", "*apikey*", "*api_key*", "*private*"),
    *("*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.asc", "*.gpg"),
    *("*.crt", "*.cer", ".env", "*.env", ".env.*", ".pgpass", ".netrc", ".htpasswd", "htpasswd"),
    *("shadow", "gshadow", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"),
)
_SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE|PGP)|^\$ANSIBLE_VAULT", re.MULTILINE
)
_SECRET_WORDS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|private|access|session)[-_]?key"
    r"|auth|signing|salt|cookie|encryption|license|dsn"
)
_SAID = re.compile(rf"(?i)((?:{_SECRET_WORDS})[\w.-]*[\"']?\s*[:=\s]\s*)(\S.*)$")
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}\s*$")
"""After a YAML key: its value is what follows, indented deeper."""

_URL = re.compile(r"(\w+://)([^/@\s]+)(@)")
_LONG = re.compile(r"\bsha256:[0-9a-f]{64}\b|[A-Za-z0-9+/_=-]{40,}")
_ENVIRONMENT = re.compile(r"^(\s*)(?:-\s+)?(?:environment|env)\s*:\s*(.*)$")
_VARIABLE = re.compile(r"^(\s*(?:-\s+)?[\"']?[\w.-]+[\"']?\s*[:=]\s*)(.*)$")


@dataclass(frozen=True, slots=True)
class FileWords:
    """How a file is told that is in one of both alone. `tells_unkept`: one that was not kept is
    named though nothing is known to differ."""

    new: str
    gone: str
    tells_unkept: bool = False


BACK = FileWords("comes back", "goes away, and is kept aside", tells_unkept=True)
SINCE = FileWords("is new", "is gone")


def is_secret(path: str) -> bool:
    """Does it look like a secret by its name?"""
    parts = path.lower().split("/")
    is_named = any(fnmatch(parts[-1], pattern) for pattern in SECRET_NAMES)
    return is_named or any("secret" in part for part in parts)


def file_differences(
    first: Sequence[KeptFile], second: Sequence[KeptFile], words: FileWords
) -> Iterator[str]:
    """From the first to the second; nothing where all is the same."""
    one_by, other_by = {f.path: f for f in first}, {f.path: f for f in second}
    paths = sorted({*one_by, *other_by})
    for path in paths[:FILES_MOST]:
        for line in _between(one_by.get(path), other_by.get(path), words):
            yield line if line.startswith("  ") else f"{path}: {line}"
    if len(paths) > FILES_MOST:
        yield f"and {len(paths) - FILES_MOST} more files, which are not compared"


def _between(one: KeptFile | None, other: KeptFile | None, words: FileWords) -> Iterator[str]:
    if other is not None and not other.digest:
        if words.tells_unkept or one is None or one.digest:
            yield f"is not kept: {other.why_not or 'it could not be read'}"
    elif other is not None and (one is None or not one.digest):
        if one is None or words.tells_unkept:
            yield words.new
        else:
            yield f"was not kept: {one.why_not or 'it could not be read'}"
    elif one is not None and other is None:
        if one.digest:
            yield words.gone
    elif one is not None and other is not None:
        if one.digest != other.digest:
            yield from _content(one, other)
        yield from _owner(one, other)


def _owner(one: KeptFile, other: KeptFile) -> Iterator[str]:
    if one.mode & 0o7777 != other.mode & 0o7777:
        yield f"mode {one.mode & 0o7777:04o} → {other.mode & 0o7777:04o}"
    if (one.uid, one.gid) != (other.uid, other.gid):
        yield f"owner {one.uid}:{one.gid} → {other.uid}:{other.gid}"


def _content(one: KeptFile, other: KeptFile) -> Iterator[str]:
    if one.content is None or other.content is None:
        yield f"changed; {one.why_not or other.why_not or 'what was in it is not known'}"
        return
    if any(_is_hidden(file) for file in (one, other)):
        yield "changed; it looks like a secret, so nothing of it is shown"
        return
    yield f"changed, {len(one.content)} → {len(other.content)} bytes"
    before, after = _text(one.content), _text(other.content)
    if before is None or after is None:
        return
    hidden = _Hidden()
    found = list(unified_diff(hidden.lines(before), hidden.lines(after), n=1, lineterm=""))[2:]
    yield from (f"  {_short(line)}" for line in found[:LINES_MOST])
    if len(found) > LINES_MOST:
        yield f"  and {len(found) - LINES_MOST} more lines"


def _is_hidden(file: KeptFile) -> bool:
    is_key = file.content is not None and _SECRET_TEXT.search(file.content) is not None
    return file.is_secret or is_secret(file.path) or is_key


class _Hidden:
    """Values that are not shown, by a number each, the same in both states."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def lines(self, text: Sequence[str]) -> list[str]:
        """The text without them."""
        found: list[str] = []
        inside = -1  # how far an `environment:` is indented; below it are variables
        block = -1  # how far a secret's key is indented, whose value is in the lines below it
        for whole in text:
            line = self._cut(whole)
            indent = len(line) - len(line.lstrip())
            if inside >= 0 and line.strip() and not self._is_inside(line, indent, inside):
                inside = -1
            if block >= 0 and line.strip() and indent <= block:
                block = -1
            if inside >= 0:
                found.append(self._variable(line))
            elif block >= 0:
                found.append(line if not line.strip() else line[:indent] + self._of(line[indent:]))
            elif environment := _ENVIRONMENT.match(line):
                inside, said = len(environment[1]), environment[2]
                found.append(line if not said else line[: environment.start(2)] + self._of(said))
            else:
                said_so = _SAID.search(line)
                block = indent if said_so is not None and _BLOCK.match(said_so[2]) else -1
                found.append(self._plain(line))
        return found

    def _cut(self, line: str) -> str:
        if len(line) <= CHARS_READ_MOST:
            return line
        return f"{line[:CHARS_READ_MOST]} {self._of(line[CHARS_READ_MOST:])}"

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
        line = _SAID.sub(lambda m: m[1] + self._of(m[2]), line)
        return _LONG.sub(lambda m: self._of(m[0]) if _is_random(m[0]) else m[0], line)

    def _of(self, value: str) -> str:
        number = self._numbers.setdefault(value, len(self._numbers) + 1)
        return f"(hidden value {number})"


def _is_random(word: str) -> bool:
    """Could it be a key? Long paths and the addresses of images are none."""
    if word.startswith("sha256:"):
        return False
    return any(c.isdigit() for c in word) or word.lower() != word != word.upper()


def _text(content: bytes) -> list[str] | None:
    """Its lines; None where nobody could read them."""
    if len(content) > BYTES_MOST or b"\0" in content:
        return None
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= LINES_READ_MOST else None


def _short(line: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in line)
    return line if len(line) <= CHARS_MOST else f"{line[:CHARS_MOST]}…"
