"""Strategies: any entry at all, and histories that a controller could have written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from everup.model import entries as e
from everup.model.decision import ParameterValue
from everup.model.episode import Ending
from everup.model.evidence import OutcomeState
from everup.model.kinds import ActionKind, Cause, Purpose
from everup.model.observation import Exit
from everup.testing.journal_lab import finished, intended, verified

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\udc80\udcff"))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
SERVICES = ("db", "web", "mail")


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that this type hint allows."""
    if hint == ParameterValue:
        return TEXTS | st.integers() | NUMBERS | st.booleans()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        fields = {f.name: of_type(hints[f.name]) for f in dataclasses.fields(hint)}
        return st.builds(hint, **fields)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return st.lists(of_type(args[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXTS, of_type(args[1]), max_size=3)
    if origin in (Union, UnionType):
        return st.one_of([of_type(a) for a in args])
    return LEAVES[hint]


LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    float: NUMBERS,
    int: st.integers(),
    bool: st.booleans(),
    type(None): st.none(),
}


class _Teller:
    """Turns draws into entries that fit what came before."""

    def __init__(self) -> None:
        self.now_s, self.serial = 1000.0, 0
        self.entries: list[e.Entry] = []
        self.acting: dict[str, str] = {}
        self.incidents: dict[str, str] = {}

    def tell(self, what: str, service: str, variant: int) -> None:
        self.now_s += 1.0
        getattr(self, f"_{what}")(service, variant)

    def _fresh(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}-{self.serial}"

    def _opens(self, service: str, variant: int) -> None:
        if service not in self.incidents:
            self.incidents[service] = self._fresh("inc")
            self.entries.append(
                e.IncidentOpened(self.now_s, self.incidents[service], service, Cause.CRASH, "why")
            )

    def _changes(self, service: str, variant: int) -> None:
        incident = self.incidents.get(service, "inc-unknown")
        victims = SERVICES[:variant]
        self.entries.append(
            e.IncidentChanged(self.now_s, incident, Cause.HANG, "better", victims, "a while")
        )

    def _waits(self, service: str, variant: int) -> None:
        incident = self.incidents.get(service) if variant else None
        self.entries.append(
            e.GateAnswered(self.now_s, "k", service, "stop", "refused", "mode", "no", incident)
        )

    def _ends(self, service: str, variant: int) -> None:
        incident = self.incidents.pop(service, "inc-unknown")
        how = e.IncidentResolved if variant else e.IncidentEscalated
        self.entries.append(how(self.now_s, incident, service, "so"))

    def _intends(self, service: str, variant: int) -> None:
        if service not in self.acting:
            self.acting[service] = self._fresh("act")
            incident = self.incidents.get(service) if variant else None
            self.entries.append(intended(self.acting[service], service, self.now_s, incident))

    def _finishes(self, service: str, variant: int) -> None:
        outcome = list(OutcomeState)[variant]
        action = self.acting.get(service, "act-unknown")
        if outcome is OutcomeState.FAILED:
            self.acting.pop(service, None)
        self.entries.append(finished(action, service, self.now_s, outcome))

    def _is_verified(self, service: str, variant: int) -> None:
        action = self.acting.pop(service, "act-unknown")
        self.entries.append(verified(action, service, self.now_s, has_passed=variant > 0))

    def _wants(self, service: str, variant: int) -> None:
        purpose = Purpose.RUN if variant else Purpose.STOPPED
        self.entries.append(e.PurposeSet(self.now_s, service, purpose, "Ann"))

    def _dies(self, service: str, variant: int) -> None:
        death = Exit(self.now_s - 0.5, variant or None)
        self.entries.append(e.ExitSeen(self.now_s, service, "one", death))

    def _freezes(self, service: str, variant: int) -> None:
        entry = e.FreezeSet(self.now_s, service, "why", "Ann")
        lifted = e.FreezeLifted(self.now_s, service, "Ann")
        self.entries.append(entry if variant else lifted)

    def _is_blind(self, service: str, variant: int) -> None:
        seen = e.MonitorFaultSeen(self.now_s, "canary")
        self.entries.append(seen if variant else e.MonitorFaultOver(self.now_s, "canary", 1.0))

    def _proposes(self, service: str, variant: int) -> None:
        incident = self.incidents.get(service, "inc-unknown")
        kind = list(ActionKind)[variant]
        self.entries.append(
            e.WouldHaveDone(self.now_s, f"k{variant}", incident, service, Cause.HANG, kind, "why")
        )

    def _is_over(self, service: str, variant: int) -> None:
        incident = self.incidents.get(service, "inc-unknown")
        ending = (Ending.BY_ITSELF, Ending.HEALED, Ending.VICTIM)[variant]
        self.entries.append(
            e.EpisodeEnded(self.now_s, incident, service, Cause.HANG, 900.0, 3.0, ending)
        )

    def _answers(self, service: str, variant: int) -> None:
        self.entries.append(e.PersonAnswered(self.now_s, service, "Ann did"))


# The life of an incident is drawn more often than what happens beside it.
OFTEN = ("opens", "intends", "finishes", "is_verified")
SELDOM = (
    "proposes",
    "is_over",
    "changes",
    "waits",
    "ends",
    "wants",
    "dies",
    "freezes",
    "is_blind",
    "answers",
)
WHAT = (*OFTEN, *OFTEN, *OFTEN, *SELDOM)


@st.composite
def histories(draw: st.DrawFn, most: int = 40) -> list[e.Entry]:
    """Entries in an order in which a controller may write them."""
    moves = st.tuples(st.sampled_from(WHAT), st.sampled_from(SERVICES), st.integers(0, 2))
    teller = _Teller()
    for what, service, variant in draw(st.lists(moves, max_size=most)):
        teller.tell(what, service, variant)
    return teller.entries
