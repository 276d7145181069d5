"""Sums that are shown of what may hold secrets: made with a key, so that nobody can test guesses.

A bare sum of an environment with a short password in it tells the password to whoever knows the
rest. Everup's runtimes make versions with it; the key comes from `app`. Pure.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

KEY_BYTES = 32
MARK_DIGITS = 6


@dataclass(frozen=True, slots=True)
class SumKey:
    """Bytes of chance that are never shown. Equal keys make equal sums: several controllers of one
    stack need the same one."""

    secret: bytes = field(repr=False)

    def sum(self, use: str, content: str, digits: int) -> str:
        """So many hex digits, equal for equal content. `use`: what it is a sum of; the same content
        has another one for another use."""
        text = f"{use}\0{content}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, text, "sha256").hex()[:digits]

    @property
    def mark(self) -> str:
        """Tells one key from another, and nothing of either."""
        return self.sum("mark", "", MARK_DIGITS)

    def scheme(self, number: str) -> str:
        """How a version begins that is made with this key: those of another one, and those of
        another way to count (`number`), cannot be compared with it."""
        return f"{number}-{self.mark}"
