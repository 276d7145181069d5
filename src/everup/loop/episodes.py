"""Episodes: what would have been done, how the trouble really ended, and who was right. Pure.

Flows in: decisions that only the mode refused, and the entries that end incidents. Flows out:
WouldHaveDone and EpisodeEnded entries. Called by `decide` and `record`. From the natural ends among
them `automated_recovery` learns how long to wait before it acts at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from everup.loop.look import Decision
from everup.model import entries as e
from everup.model.assessment import Assessment
from everup.model.decision import Allowed, Check, Refused
from everup.model.episode import Ending, Hindsight, WouldDo
from everup.model.incident import Incident
from everup.model.kinds import UNKNOWN, Cause, Origin, Purpose, is_known
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, ServiceState, StackState
from everup.safety import Context, judge

WOULD_HAVE_MOST = 8
NOT_THE_MODE = frozenset({Check.MODE})
NO_REASON_TO_ACT = frozenset({Ending.VICTIM, Ending.WISH, Ending.CHANGE, Ending.UNDECLARED})
SOMEBODY_HAD_TO = frozenset({Ending.HEALED, Ending.BY_A_PERSON})


def would_have_done(
    decision: Decision, state: StackState, gate: Callable[[], Context]
) -> list[e.Entry]:
    """The proposal, when its kind is new in this incident and only the mode stands against it."""
    proposal, verdict = decision.proposal, decision.verdict
    if proposal is None or proposal.incident_id is None:
        return []
    if proposal.origin is Origin.MITIGATION:
        return []  # whether it would have ended the trouble is not what it is for
    if not isinstance(verdict, Refused) or verdict.check is not Check.MODE:
        return []
    known = state.service(proposal.service).would_have
    if len(known) >= WOULD_HAVE_MOST or any(would.kind is proposal.kind for would in known):
        return []
    context = gate()
    if not isinstance(judge(proposal, context, without=NOT_THE_MODE), Allowed):
        return []
    return [
        e.WouldHaveDone(
            context.now_s,
            proposal.key,
            proposal.incident_id,
            proposal.service,
            proposal.cause,
            proposal.kind,
            proposal.reason,
        )
    ]


def ended(
    entries: Iterable[e.Entry],
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
) -> list[e.Entry]:
    """An EpisodeEnded for each incident that these entries end; `state` is the one before them."""
    found: list[e.Entry] = []
    for entry in entries:
        if not isinstance(entry, e.IncidentResolved | e.IncidentEscalated):
            continue
        incident = state.incidents.get(entry.incident_id)
        if incident is None:
            continue
        healthy_s = memory.service(incident.service).healthy_since_s
        if isinstance(entry, e.IncidentEscalated):
            ending, healthy_s = Ending.ESCALATED, UNKNOWN
        else:
            ending = _ending(incident, stack, observation, assessment, state, settings, healthy_s)
        found.append(_episode(incident, ending, entry.at_s, healthy_s, stack, state, settings))
    return found


def _ending(
    incident: Incident,
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    settings: Settings,
    healthy_s: float,
) -> Ending:
    name = incident.service
    if name not in stack.services:
        return Ending.UNDECLARED
    service = state.service(name)
    if incident.cause is Cause.STOPPED_ON_PURPOSE:
        return Ending.BY_A_PERSON
    if service.purpose is Purpose.STOPPED:
        return Ending.WISH
    finding = assessment.relations.findings.get(name)
    if finding is not None and not finding.is_root and not is_known(healthy_s):
        return Ending.VICTIM
    if incident.attempts:
        return _by_whom(incident, service)
    if any(p.origin is Origin.MITIGATION and p.incident_id == incident.id for p in service.past):
        return Ending.UNCLEAR  # a part of it was kept away, which tells nothing of its trouble
    changed_s = observation.changes.get(name, UNKNOWN)
    if is_known(changed_s):
        if changed_s > incident.opened_at_s:
            return Ending.BY_A_PERSON
        if changed_s >= _began(incident) - settings.change_quiet_s:
            return Ending.CHANGE
    return Ending.BY_ITSELF


def _by_whom(incident: Incident, service: ServiceState) -> Ending:
    passed = {a.action_id for a in incident.attempts if a.result == "passed"}
    if not passed:
        return Ending.UNCLEAR
    people = any(p.action_id in passed and p.origin is Origin.PERSON for p in service.past)
    return Ending.BY_A_PERSON if people else Ending.HEALED


def _began(incident: Incident) -> float:
    return incident.seen_at_s if is_known(incident.seen_at_s) else incident.opened_at_s


def _episode(
    incident: Incident,
    ending: Ending,
    now_s: float,
    healthy_s: float,
    stack: Stack,
    state: StackState,
    settings: Settings,
) -> e.EpisodeEnded:
    began_s = _began(incident)
    over_s = healthy_s if is_known(healthy_s) and healthy_s >= began_s else now_s
    service = state.service(incident.service)
    hindsight, reason = Hindsight.NONE, ""
    if service.would_have:
        first = service.would_have[0]
        spec = stack.services.get(incident.service)
        start_s = spec.start_period_s if spec is not None else 0.0
        usual_s = usual_heal_s(first, service, settings.verify_window_s + start_s)
        hindsight, reason = judged(ending, first, now_s, usual_s)
    diagnoses = service.diagnoses or (incident.cause,)
    return e.EpisodeEnded(
        now_s,
        incident.id,
        incident.service,
        diagnoses[0],
        began_s,
        max(0.0, over_s - began_s),
        ending,
        hindsight,
        reason,
        service.would_have,
        diagnoses[1:],
    )


def usual_heal_s(would: WouldDo, service: ServiceState, otherwise_s: float) -> float:
    """From intent to proof: the median of what this kind took here, else the least it can take."""
    took: Sequence[float] = [
        p.ended_at_s - p.started_at_s for p in service.past if p.kind is would.kind and p.has_passed
    ]
    return median(took) if took else otherwise_s


def judged(
    ending: Ending, first: WouldDo, proven_s: float, usual_s: float
) -> tuple[Hindsight, str]:
    """Was the first proposal right? `proven_s`: when the service was known to be well again."""
    if ending in NO_REASON_TO_ACT:
        return Hindsight.WRONG, f"{first.kind} would have been wrong: it was no fault ({ending})"
    if ending in SOMEBODY_HAD_TO:
        return Hindsight.RIGHT, f"{first.kind} would have been right: somebody had to act"
    if ending is not Ending.BY_ITSELF:
        return Hindsight.UNKNOWN, "nobody can say whether it would have helped"
    after_s = proven_s - first.at_s
    if after_s <= usual_s:
        text = f"it was well again by itself {after_s:.0f} s after the proposal, and {first.kind}"
        return Hindsight.WRONG, f"{text} takes {usual_s:.0f} s"
    text = f"{first.kind} would have healed it about {after_s - usual_s:.0f} s earlier"
    return Hindsight.RIGHT, text
