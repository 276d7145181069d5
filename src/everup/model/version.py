"""The parts of a version: what an instance is made of, and the configuration files that it reads.

A runtime makes versions, everybody else only compares them. `1:4f1c.a0b1+9c2d`: before the `+` what
it was made of, after it a digest of its files; none where no file of it is kept.
"""

from __future__ import annotations

MARK = "+"
EMPTY = "empty"
"""In place of a digest: its folders are there, with no file in them. Unlike none, it can be gone
back to, by taking away what came."""


def with_files(made_of: str, digest: str) -> str:
    """The version of something made of this, with these files; "" stays unknown."""
    return f"{made_of}{MARK}{digest}" if made_of and digest else made_of


def made_of(version: str) -> str:
    """Without its files."""
    return version.partition(MARK)[0]


def files_of(version: str) -> str:
    """The digest of its files; "" for none."""
    return version.partition(MARK)[2]


def only_files_differ(one: str, other: str) -> bool:
    """Are both made of the same, with other files?"""
    return one != other and bool(one) and made_of(one) == made_of(other)
