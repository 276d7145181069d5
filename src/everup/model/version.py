"""The parts of a version: what an instance is made of, and the configuration files that it reads.

A runtime makes versions, everybody else only compares them. `3-e5b0c4:4f1c.a0b1+9c2d`: how it was
counted and with which key, what it was made of, and after the `+` a digest of its files; none where
no file of it is kept. Two of another scheme say nothing of each other: not even that they differ.
"""

from __future__ import annotations

MARK = "+"
SCHEME_END = ":"
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


def scheme_of(version: str) -> str:
    """How it was counted; "" where it does not say."""
    scheme, end, _ = version.partition(SCHEME_END)
    return scheme if end else ""


def is_comparable(one: str, other: str) -> bool:
    """Do they tell whether they are the same? Not where either is unknown, or was counted
    otherwise: by another version of Everup, or with another key."""
    return bool(one and other) and scheme_of(one) == scheme_of(other)
