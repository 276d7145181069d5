"""The token that callers from elsewhere show: what its owner may give, and what a token is.

Called by `options` with the layers, and by whoever reads a token that Everup made itself. A value
that is wrong is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from everup.config.reading import Field, maybe, text

LETTERS_LEAST, LETTERS_MOST = 16, 512
FILE_BYTES_MOST = 4096
VARIABLE = "EVERUP_TOKEN"
FIX = (
    f"write {LETTERS_LEAST} to {LETTERS_MOST} letters, digits and -._~+/= on one line; "
    "openssl rand -hex 32 makes one"
)
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{LETTERS_LEAST},{LETTERS_MOST}}}")


def is_token(text_of_it: str) -> bool:
    """May this be a token? What a header carries, and long enough not to be guessed."""
    return _TOKEN.fullmatch(text_of_it) is not None


def given_token(layers: Sequence[Mapping[str, Field]], folder: Path) -> tuple[str, str]:
    """(token, where it came from); the last layer that has one wins, a value over a file.

    ("", "") where nobody gave one, or where it is wrong, which is a problem then.
    """
    token, source = "", ""
    for layer in layers:
        if "token_file" in layer:
            token, source = _of_file(layer["token_file"], folder)
        if "token" in layer:
            token, source = _of_value(layer["token"])
    return token, source


def read_token(path: Path) -> str:
    """The token in this file.

    Raises:
        OSError: it cannot be read. ValueError: what is in it is none.
    """
    with path.open("rb") as stream:
        content = stream.read(FILE_BYTES_MOST)
    found = content.decode("ascii", "replace").strip()
    if not is_token(found):
        raise ValueError("holds no token")
    return found


def _of_value(field: Field) -> tuple[str, str]:
    found = maybe({"token": field}, "token", text)
    if found is None or is_token(found.strip()):
        return (found or "").strip(), field.source
    field.wrong("is no token", FIX, has_value=False)
    return "", ""


def _of_file(field: Field, folder: Path) -> tuple[str, str]:
    named = maybe({"token_file": field}, "token_file", text)
    if named is None:
        return "", ""
    path = folder / named
    try:
        return read_token(path), str(path)
    except OSError as error:
        field.wrong(
            f"cannot be read: {error.strerror or error}",
            "let this user read it, or leave it out: then a token is made",
        )
    except ValueError as error:
        field.wrong(str(error), FIX)
    return "", ""
