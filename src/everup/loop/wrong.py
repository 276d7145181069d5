"""Which of Everup's own actions were wrong? Judged by the journal alone, entry by entry. Pure.

Flows in: the entries of a period, in order. Flows out: how many actions on each service were wrong.
Called by `report`. An action is wrong if it was done

- on a victim: the service was unwell because of another one, and had no incident of its own;
- on what was well, unless a prediction had called for it;
- once more than was enough: beside another one on the same service, or for what was foretold and
  the same kind had mended already; of what fails again, seeing it unwell again is the reason;
- with harm: it did not help, and the service is worse than before, or a dependent that was well is,
  though its instance had been running. Who only suffers from what was wrong anyway does not count:
  a proof already looks for dependents that are worse because of it, and what was down before has
  taken its dependents with it.

What people ask for is theirs to judge. What is done to calls alone touches no service: it is wrong
only where it did harm.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from everup.model import entries as e
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import (
    FORETOLD,
    OF_TRAFFIC,
    Condition,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)

WORSE_BY = 0.1
SUPERSEDED = "superseded by "


@dataclass(slots=True)
class _Trouble:
    """An incident that is open: whose, and who suffers from it."""

    root: str
    victims: frozenset[str]


class Wrongs:
    """Tell it every entry of the period; `counts` says what came of it."""

    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}
        self._under_way: dict[str, e.Intended] = {}  # action id → of anybody
        self._mended: set[tuple[str, str]] = set()  # (incident, kind) of what was foretold
        self._wrong: dict[str, str] = {}  # action id → service

    @property
    def counts(self) -> Counter[str]:
        """Service → wrong actions."""
        return Counter(self._wrong.values())

    def tell(self, entry: e.Entry) -> None:
        """One more."""
        match entry:
            case e.IncidentOpened():
                trouble = _Trouble(entry.service, frozenset(entry.victims))
                self._troubles[entry.incident_id] = trouble
            case e.IncidentChanged() if entry.incident_id in self._troubles:
                self._troubles[entry.incident_id].victims |= frozenset(entry.victims)
            case e.IncidentResolved() | e.EpisodeEnded():
                self._troubles.pop(entry.incident_id, None)
            case e.Intended():
                if entry.origin is not Origin.PERSON and self._is_needless(entry):
                    self._wrong[entry.action_id] = entry.step.target
                self._under_way[entry.action_id] = entry
            case e.Finished() if entry.outcome is OutcomeState.FAILED:
                self._under_way.pop(entry.action_id, None)
            case e.Verified():
                self._verified(entry)
            case _:
                pass

    def _is_needless(self, intent: e.Intended) -> bool:
        name = intent.step.target
        roots = {trouble.root for trouble in self._troubles.values()}
        is_victim = any(name in trouble.victims for trouble in self._troubles.values())
        is_beside = any(other.step.target == name for other in self._under_way.values())
        if intent.step.kind in OF_TRAFFIC:
            return is_beside  # nothing is done to the service itself
        is_again = (intent.incident_id, intent.step.kind) in self._mended
        return (is_victim and name not in roots) or is_beside or is_again or was_well(intent)

    def _verified(self, entry: e.Verified) -> None:
        intent = self._under_way.pop(entry.action_id, None)
        if intent is None:
            return
        if entry.has_passed and intent.incident_id is not None and intent.cause in FORETOLD:
            self._mended.add((intent.incident_id, intent.step.kind))
        after = entry.evidence.after
        if intent.origin is Origin.PERSON or after is None:
            return
        own = {trouble.root for trouble in self._troubles.values()}
        is_judged = not entry.has_passed and not entry.reason.startswith(SUPERSEDED)
        if is_judged and did_harm(intent, after, frozenset(own)):
            self._wrong[entry.action_id] = intent.step.target


def was_well(intent: e.Intended) -> bool:
    """Was the service well before, or the one instance that was acted upon? What has instances to
    spare may be well as a whole while one of them is dead."""
    before = intent.before
    if before.condition != Condition.HEALTHY or intent.cause in FORETOLD:
        return False
    instance = intent.step.parameters.get("instance")
    if instance is None:
        return True
    state = before.instances.get(str(instance), "").rpartition("|")[2]
    answers = [part for part in before.probe.split("; ") if part.startswith(f"{instance}: ")]
    is_answering = all(a.startswith(f"{instance}: {ProbeVerdict.PASS}") for a in answers)
    return state == InstanceState.RUNNING and is_answering


def did_harm(intent: e.Intended, after: Sighting, with_own_trouble: frozenset[str]) -> bool:
    """After an action that did not help: is the service worse, or a dependent that has no trouble
    of its own?"""
    before = intent.before
    if _is_worse(before.score, after.score):
        return True
    return intent.on_running and any(
        _is_worse(score, after.dependents[name])
        for name, score in before.dependents.items()
        if name in after.dependents and name not in with_own_trouble
    )


def _is_worse(before: float, after: float) -> bool:
    return is_known(before) and is_known(after) and after < before - WORSE_BY
