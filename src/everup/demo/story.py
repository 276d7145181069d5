"""What counts as right and wrong in the demo: pure, so that the verdict itself can be tested.

In: action records as the API gives them, and what each chapter allows. Out: rows for the table and
the verdict. Called by the chapters and by `main`; printing is left to `screen`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everup.model.words import named

EVIDENCE_MOST = 64
"""Letters of evidence that fit into a cell of the table."""
PERSON = "person"


@dataclass(frozen=True, slots=True)
class Deed:
    """One action of the engine, as far as the story needs it. Times are epoch seconds."""

    id: str
    service: str
    kind: str
    origin: str
    state: str
    at_s: float
    verdict: str = ""
    error: str = ""

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Deed:
        """From one element of `GET /actions`.

        Raises:
            KeyError: it is not an action record.
        """
        return cls(
            id=str(record["id"]),
            service=str(record["service"]),
            kind=str(record["kind"]),
            origin=str(record["origin"]),
            state=str(record["state"]),
            at_s=float(record["intended_at_s"]),
            verdict=str(record.get("verdict") or ""),
            error=str(record.get("error") or ""),
        )

    @property
    def has_ended(self) -> bool:
        """Done and proven, or given up."""
        return self.state not in ("acting", "verifying")

    @property
    def is_by_everup(self) -> bool:
        """Proposed by Everup itself, not asked for by a person."""
        return self.origin != PERSON


@dataclass(frozen=True, slots=True)
class Allowance:
    """What Everup may do by itself in a chapter: at most `most` actions, on `service` alone."""

    service: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. None for a time: it did not come to that.

    `ending` says what the chapter ends with when "healed" is not the aim ("escalated", "left
    alone"); `missed` names each thing that should have happened and did not.
    """

    fault: str
    seen_after_s: float | None
    healed_after_s: float | None
    actions: int
    wrong: tuple[str, ...]
    evidence: str
    ending: str = ""
    missed: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """All that should happen happened, and nothing else."""
        return not self.wrong and not self.missed


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last line, and whether the exit code is 0."""

    is_right: bool
    text: str


def own_deeds(deeds: Iterable[Deed]) -> list[Deed]:
    """Those that Everup proposed itself, oldest first."""
    return sorted((deed for deed in deeds if deed.is_by_everup), key=lambda deed: deed.at_s)


def wrong_deeds(deeds: Iterable[Deed], allowance: Allowance) -> tuple[str, ...]:
    """Every action on another service, and every one beyond what was enough, in words."""
    wrong = []
    spent = 0
    for deed in own_deeds(deeds):
        if deed.service != allowance.service:
            wrong.append(f"{named(deed.kind)} of {deed.service}, which nothing called for")
            continue
        spent += 1
        if spent > allowance.most:
            wrong.append(f"{named(deed.kind)} of {deed.service}, once more than was enough")
    return tuple(wrong)


def strays(deeds: Iterable[Deed], told: Iterable[str]) -> tuple[str, ...]:
    """Actions of Everup's own that fall into no chapter: between two, or before the first."""
    known = set(told)
    return tuple(
        f"{named(deed.kind)} of {deed.service}, outside of every chapter"
        for deed in own_deeds(deeds)
        if deed.id not in known
    )


def judge(rows: Sequence[Row], wanted: int, stray: Sequence[str] = ()) -> Verdict:
    """The verdict over all chapters.

    `wanted` is how many chapters there are: a story that broke off is never a success.
    """
    wrong = sum(len(row.wrong) for row in rows) + len(stray)
    missed = [f"{row.fault}: {text}" for row in rows for text in row.missed]
    if len(rows) < wanted:
        missed.append(f"{wanted - len(rows)} of {wanted} chapters were not told")
    if not wrong and not missed:
        return Verdict(True, "Everything was healed that should be, and nothing else was touched.")
    parts = [f"{wrong} wrong action{'' if wrong == 1 else 's'}"] if wrong else []
    parts += missed
    return Verdict(False, "Not as it should be: " + "; ".join(parts) + ".")


def seconds(value: float | None) -> str:
    """A duration in words short enough for a cell."""
    return "–" if value is None else f"{max(value, 0.0):.1f} s"


def cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """The six columns: fault, seen after, healed after, actions, wrong actions, evidence."""
    healed = row.ending or seconds(row.healed_after_s)
    if row.missed:
        healed = "missed"
    return (
        row.fault,
        seconds(row.seen_after_s),
        healed,
        str(row.actions),
        str(len(row.wrong)),
        short(row.evidence),
    )


def short(text: str, most: int = EVIDENCE_MOST) -> str:
    """One line of at most `most` letters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    return line[: most - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
