"""What may be a secret does not go out: values of variables, words of commands, URLs.

Called by routes that show what was declared. A name can only look secret, so values of variables
are shown when asked for alone. `-p x` says nothing: what is not recognised here is not hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from everup.config.errors import is_secret_name, mask

HIDDEN = "•••"
_ASSIGNMENT = re.compile(r"([\w.-]+)([=:]\s*)(\S.*)", re.DOTALL)
_IN_QUERY = re.compile(r"([?&;]([\w.-]+)=)[^&;\s]+")
_INSIDE = re.compile(r"(?<!\S)(?:(-*[\w.-]+)=|(--?[\w.-]+)\s+(?!-))(\S+)")


def masked_env(env: Mapping[str, str]) -> dict[str, str | None]:
    """The values, but for those whose name looks secret, and without passwords in URLs."""
    return {
        name: HIDDEN if is_secret_name(name) else masked_text(value) for name, value in env.items()
    }


def masked_words(words: Sequence[str]) -> list[str]:
    """A command: `--password x`, `--token=x`, `PGPASSWORD=x` and URLs lose their secret."""
    shown = []
    is_next_secret = False
    for word in words:
        if is_next_secret and not word.startswith("-"):
            shown.append(HIDDEN)
            is_next_secret = False
            continue
        shown.append(masked_text(word))
        is_next_secret = word.startswith("-") and "=" not in word and is_secret_name(word)
    return shown


def masked_text(text: str) -> str:
    """Passwords of URLs, secret parameters of queries, and `NAME=value` with a secret name."""
    found = _ASSIGNMENT.fullmatch(text)
    if found and is_secret_name(found[1]):
        return f"{found[1]}{found[2]}{HIDDEN}"
    text = _IN_QUERY.sub(lambda m: m[1] + HIDDEN if is_secret_name(m[2]) else m[0], mask(text))
    return _INSIDE.sub(_hidden_inside, text)


def _hidden_inside(found: re.Match[str]) -> str:
    """`sh -c "PGPASSWORD=x run --token y"`: words within one word."""
    if not is_secret_name(found[1] or found[2]):
        return found[0]
    return found[0].removesuffix(found[3]) + HIDDEN
