"""The key under which what is kept is sealed, as its owner gives it: by a variable or by a file.

Called by `options` with the layer of variables; the file of the stack has no such field, since it
is kept itself. A value that is wrong is never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from everup.config.reading import Field, maybe, text

CHARACTERS_LEAST, CHARACTERS_MOST = 16, 4096
FIX = (
    f"give {CHARACTERS_LEAST} to {CHARACTERS_MOST} characters on one line, and keep them: without "
    "them nothing that was sealed can be read; openssl rand -hex 32 makes some"
)


def given_key(layer: Mapping[str, Field], folder: Path) -> tuple[str, str]:
    """(key, where it came from); a value wins over a file. ("", "") where nobody gave one, or
    where it is wrong, which is a problem then."""
    key, source = "", ""
    if "secret_key_file" in layer:
        key, source = _of_file(layer["secret_key_file"], folder)
    if "secret_key" in layer:
        field = layer["secret_key"]
        found = (maybe({"secret_key": field}, "secret_key", text) or "").strip()
        if not is_key(found):
            field.wrong(_length(found), FIX, has_value=False)
            return "", ""
        key, source = found, field.source
    return key, source


def is_key(found: str) -> bool:
    """Long enough not to be guessed, once it is stretched."""
    return CHARACTERS_LEAST <= len(found) <= CHARACTERS_MOST and "\n" not in found


def _of_file(field: Field, folder: Path) -> tuple[str, str]:
    named = maybe({"secret_key_file": field}, "secret_key_file", text)
    if named is None:
        return "", ""
    path = folder / named
    try:
        with path.open("rb") as stream:
            found = stream.read(4 * CHARACTERS_MOST + 1).decode("utf-8", "replace").strip()
    except OSError as error:
        field.wrong(
            f"cannot be read: {error.strerror or error}",
            "let this user read it, or leave it out: then a key is made in the state folder",
        )
        return "", ""
    if not is_key(found):
        field.wrong(_length(found), FIX)
        return "", ""
    return found, str(path)


def _length(found: str) -> str:
    if "\n" in found:
        return "holds more than one line"
    return f"holds {len(found)} characters, which is no key (not shown)"
