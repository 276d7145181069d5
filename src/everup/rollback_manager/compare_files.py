"""What differs between two sets of configuration files, for a person to read. Pure, bounded.

Flows in: files as they are and as they were kept. Flows out: lines, for text a unified diff. What
looks like a secret is not shown: of a file that is one only that it changed, of a line the part
before the value. That is a guess, and errs towards hiding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from everup.model.runtime import KeptFile

LINES_OF_FILE_MOST = 16
LINES_READ_MOST = 2000
"""Of a longer file only that it changed: comparing takes the square of its lines."""
CHARS_MOST = 160
HIDDEN = "…"

_SECRET_NAMES = re.compile(
    r"(?i)(secret|passw|credential|token|apikey|api_key|private|htpasswd|\.netrc|\.pgpass|id_rsa"
    r"|id_ed25519|\.(pem|key|p12|pfx|jks|keystore|kdbx|gpg|asc|crt|cer)$|(^|/)\.env(\.|$)|shadow)"
)
_SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE|PGP)|^\$ANSIBLE_VAULT", re.MULTILINE
)
_SECRET_WORD = (
    r"pass(word|wd|phrase)?|pwd|secret|token|credential|api[_-]?key|private[_-]?key|auth"
    r"|signing|salt|cookie|session[_-]?key|access[_-]?key|encryption|license|dsn"
)
_VALUE = re.compile(rf"(?i)^([+\- ]?.*?[\w.\-]*({_SECRET_WORD})[\w.\-]*[\"']?\s*[:=\s]\s*)(\S.*)$")
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{40,}")


def file_differences(kept: Sequence[KeptFile], now: Sequence[KeptFile]) -> Iterator[str]:
    """What going back would change in files, now → then."""
    then_by, now_by = {f.path: f for f in kept}, {f.path: f for f in now}
    for path in sorted({*then_by, *now_by}):
        then, there = then_by.get(path), now_by.get(path)
        if then is not None and not then.digest:
            yield f"file {path}: is not kept: {then.why_not}"
        elif then is None and there is not None and there.digest:
            yield f"file {path}: goes away, and is kept aside"
        elif then is not None and (there is None or not there.digest):
            yield f"file {path}: comes back"
        elif then is not None and there is not None and then.digest != there.digest:
            yield from _content(path, there, then)
        elif then is not None and there is not None:
            yield from _owner(path, there, then)


def _owner(path: str, now: KeptFile, then: KeptFile) -> Iterator[str]:
    if now.mode != then.mode:
        yield f"file {path}: mode {now.mode:o} → {then.mode:o}"
    if (now.uid, now.gid) != (then.uid, then.gid):
        yield f"file {path}: owner {now.uid}:{now.gid} → {then.uid}:{then.gid}"


def _content(path: str, now: KeptFile, then: KeptFile) -> Iterator[str]:
    texts = [_text(file) for file in (now, then)]
    if texts[0] is None or texts[1] is None:
        why = "" if now.content is None or then.content is None else ", and is not shown"
        yield f"file {path}: changed{why}"
        return
    yield f"file {path}:"
    lines = list(unified_diff(texts[0], texts[1], n=1, lineterm=""))[2:]
    for line in lines[:LINES_OF_FILE_MOST]:
        yield f"  {_masked(line)}"
    if len(lines) > LINES_OF_FILE_MOST:
        yield f"  and {len(lines) - LINES_OF_FILE_MOST} more lines"


def _text(file: KeptFile) -> list[str] | None:
    """Its lines; None where nobody may see them, or could read them."""
    content = file.content
    if content is None or file.is_secret or _SECRET_NAMES.search(file.path):
        return None
    if b"\0" in content or _SECRET_TEXT.search(content):
        return None
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= LINES_READ_MOST else None


def _masked(line: str) -> str:
    line = _VALUE.sub(lambda found: f"{found[1]}{HIDDEN}", line[: 4 * CHARS_MOST])
    line = _LONG.sub(HIDDEN, _IN_ADDRESS.sub(rf"\1{HIDDEN}@", line))
    line = "".join(c if c.isprintable() else " " for c in line)
    return line if len(line) <= CHARS_MOST else f"{line[:CHARS_MOST]}{HIDDEN}"
