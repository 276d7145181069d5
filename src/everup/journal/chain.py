"""Entries as links of a hash chain, and the check that no link was changed, removed or moved.

Flows in: entries and where the chain ends. Flows out: rows to store; or, for stored rows, what is
wrong with the first bad one. Pure; `sql_journal` and `writing` call it.

    hash = sha256(previous hash | sequence | kind | payload)

The first previous hash stands for the stack, so that one stack's chain cannot be passed off as
another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from everup.journal.codec import Codec, CodecError
from everup.model.entries import ENTRY_TYPES, Entry, FreezeLifted, FreezeSet, Intended

_CODECS: Mapping[str, Codec[Any]] = {kind: Codec(cls) for kind, cls in ENTRY_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the last sequence (0: empty) and its hash."""

    seq: int
    hash: str


def start_of(stack: str) -> Head:
    """The end of a chain without entries."""
    return Head(0, hashlib.sha256(f"everup journal of {stack}".encode(*UTF8)).hexdigest())


UTF8 = ("utf-8", "backslashreplace")


def key_text(text: str | None) -> str | None:
    """Text that any database can index: no NUL, no lone surrogate. Ids and names never hold any."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.encode(*UTF8).decode().replace("\0", "\\0")


def link_hash(previous: str, seq: int, kind: str, payload: str) -> str:
    """The hash that ties one entry to all before it."""
    return hashlib.sha256(f"{previous}|{seq}|{kind}|{payload}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """One entry ready to be stored."""

    entry: Entry
    row: Mapping[str, Any]

    @property
    def head(self) -> Head:
        """The chain's end with this link."""
        return Head(self.row["seq"], self.row["hash"])


def link(stack: str, head: Head, entries: Iterable[Entry], batch_id: str) -> list[Link]:
    """The entries as links behind `head`; the batch's id goes on the first one.

    Raises:
        CodecError: an entry holds what its type hints forbid.
    """
    links: list[Link] = []
    seq, previous = head.seq, head.hash
    for entry in entries:
        seq += 1
        kind = type(entry).__name__
        payload = _CODECS[kind].dumps(entry)
        digest = link_hash(previous, seq, kind, payload)
        row = {
            "stack": stack,
            "seq": seq,
            "at_s": entry.at_s,
            "kind": kind,
            **about(entry),
            "batch_id": None if links or not batch_id else key_text(batch_id),
            "payload": payload,
            "prev_hash": previous,
            "hash": digest,
        }
        links.append(Link(entry, row))
        previous = digest
    return links


def about(entry: Entry) -> dict[str, str | None]:
    """The columns by which an entry is found again."""
    service = getattr(entry, "service", None)
    if isinstance(entry, Intended):
        service = entry.step.target
    elif isinstance(entry, FreezeSet | FreezeLifted):
        service = entry.scope or None
    return {
        "incident_id": key_text(getattr(entry, "incident_id", None)),
        "action_id": key_text(getattr(entry, "action_id", None)),
        "service": key_text(service),
    }


def entry_of(kind: str, payload: str) -> Entry:
    """The entry back from its row.

    Raises:
        CodecError: a kind or content that this version does not know, or a damaged payload.
    """
    codec = _CODECS.get(kind)
    if codec is None:
        raise CodecError(f"{kind} is no entry that this version knows: a newer Everup wrote it")
    found: Entry = codec.loads(payload)
    return found


def fault_in(row: Any, head: Head) -> str:
    """What is wrong with the row that should follow `head`; "" when nothing is.

    `row` has the columns of `entries` as attributes.
    """
    expected = head.seq + 1
    if row.seq != expected:
        return f"sequence {expected} is missing: {row.seq} follows {head.seq}"
    if row.prev_hash != head.hash:
        return f"sequence {row.seq} does not follow the entry before it"
    if row.hash != link_hash(head.hash, row.seq, row.kind, row.payload):
        return f"sequence {row.seq} was changed: its content does not match its hash"
    return ""


def label_fault_in(row: Any) -> str:
    """What is wrong with the columns that the hash does not cover; "" when nothing is."""
    try:
        entry = entry_of(row.kind, row.payload)
    except CodecError as error:
        return f"sequence {row.seq} cannot be read: {error}"
    wrong = [name for name, value in about(entry).items() if getattr(row, name) != value]
    return f"sequence {row.seq} was relabelled: {', '.join(wrong)}" if wrong else ""
