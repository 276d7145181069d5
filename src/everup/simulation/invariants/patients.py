"""Promises 4 and 5 and the safety rules: who may be touched at all, when, and how carefully.

Judged by how each instance really was when the call arrived. A few seconds of allowance cover what
no controller can know: that something got well, or was paused, while the call was on its way.
"""

from __future__ import annotations

from everup.model.kinds import LEAKS, ActionKind, Purpose, is_known
from everup.runtimes.simulated.instance import Truth
from everup.runtimes.simulated.ledger import Deed, Met
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection, is_own, is_scaling

WELL_FOR_S = 12.0  # well for longer than two samples and a look: it could be known
ON_ITS_WAY_S = 4.0
SEEN_AFTER_S = 8.0  # an outage shorter than that may pass unseen
WELL_TRUTHS = frozenset({Truth.WELL, Truth.PAUSING, Truth.STARTING})
LEFT_ALONE = frozenset({Truth.PAUSED, Truth.RECOVERING, Truth.DONE, Truth.STOPPED})
CRASH_LOOP_EXITS = 3


def judge_deed(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """Every rule about whom a call may meet. People may do as they like."""
    if not is_own(action):
        return []
    if is_scaling(action):  # whom it meets is well: what it may take is judged by `scaling`
        return _stopped(case, deed)
    found: list[Objection] = []
    for name, met in deed.targets.items():
        found += _healthy(case, deed, action, name, met)
        found += _left_alone(case, deed, name, met)
        found += _too_early(case, deed, name, met)
        if case.world.services[deed.service].spec.is_stateful:
            found += _stateful(case, deed, action, name, met)
    found += _before_its_root(case, deed)
    found += _stopped(case, deed)
    found += _minimum(case, deed, action)
    return found


def _healthy(case: Case, deed: Deed, action: Action | None, name: str, met: Met) -> list[Objection]:
    if action is not None and action.kind is ActionKind.EMERGENCY_ROLLBACK:
        return []  # what was changed may look well and do worse: `rollbacks` judges it
    if met.truth in WELL_TRUTHS and met.well_for_s >= WELL_FOR_S:
        if action is not None and action.intent.cause in LEAKS:
            return _on_a_prediction(case, action, name)
        lasted = f"{met.truth}, nothing wrong with it for {met.well_for_s:.0f} s"
        return [("4 healthy", f"{deed.verb} {name}, which is {lasted}")]
    return []


def _on_a_prediction(case: Case, action: Action, name: str) -> list[Objection]:
    """A healthy one may be restarted when a prediction permits it: gently, stateless, one of
    several or in a quiet hour, once a day, and only when one was written down."""
    spec = case.world.services[action.service].spec
    wrong: list[str] = []
    if action.kind is not ActionKind.GRACEFUL_RESTART:
        wrong.append(f"by {action.kind}")
    if spec.is_stateful:
        wrong.append("though it is stateful")
    if spec.instances < 2 and not case.world.stack.quiet_hours:
        wrong.append("though it has one instance and no quiet hour")
    if not case.chronicle.was_foretold(action.service, action.at_s):
        wrong.append("which nobody foretold")
    for past in case.chronicle.own_before(action):
        again_s = action.at_s - past.at_s
        happened = past.finished is None or past.finished.has_happened
        if past.intent.cause in LEAKS and past.kind is action.kind and happened:
            if again_s < case.settings.prediction_again_s:
                wrong.append(f"once more, after {again_s:.0f} s")
    return [("4 prediction", f"{name} is restarted on a prediction {what}") for what in wrong]


def _is_to_run(case: Case, service: str) -> bool:
    purpose = case.chronicle.purposes.get(service)
    return purpose is not None and purpose.purpose is Purpose.RUN


def _left_alone(case: Case, deed: Deed, name: str, met: Met) -> list[Objection]:
    if met.truth is Truth.STOPPED and _is_to_run(case, deed.service):
        return []  # somebody asked for a start that did not happen
    if met.truth in LEFT_ALONE and met.lasted_s >= ON_ITS_WAY_S:
        return [("safety", f"{deed.verb} {name}, which is {met.truth} for {met.lasted_s:.0f} s")]
    if met.truth is Truth.RESTARTING and met.lasted_s >= ON_ITS_WAY_S:
        window_s = case.settings.crash_loop_window_s
        deaths = case.world.deaths_of(deed.service, since_s=deed.at_s - window_s)
        if deaths < CRASH_LOOP_EXITS:
            text = f"{deed.verb} {name} after {deaths} deaths, though the engine restarts it"
            return [("safety 6", text)]
    return []


def _too_early(case: Case, deed: Deed, name: str, met: Met) -> list[Objection]:
    """Hung means proven: 8 s of silence; a busy process gets a minute."""
    if met.truth not in (Truth.SICK, Truth.OVERLOADED, Truth.VICTIM) or not met.is_running:
        return []
    is_busy = met.letter == "R"
    least_s = case.settings.busy_lasts_s if is_busy else case.settings.hang_lasts_s
    if met.unwell_for_s < least_s - 0.5:
        what = "busy" if is_busy else "sick"
        return [("safety 2", f"{deed.verb} {name}, {what} for only {met.unwell_for_s:.1f} s")]
    return []


def _stateful(
    case: Case, deed: Deed, action: Action | None, name: str, met: Met
) -> list[Objection]:
    """A running one: only a graceful restart, after a minute, with a minute of grace."""
    if not met.is_running or met.ran_s < ON_ITS_WAY_S:
        return []
    settings = case.settings
    wrong: list[str] = []
    if action is not None and action.kind is not ActionKind.GRACEFUL_RESTART:
        wrong.append(f"by {action.kind}")
    was_sickly = is_known(met.sickly_for_s) or met.well_for_s < ON_ITS_WAY_S
    if not (was_sickly and met.unwell_for_s >= settings.stateful_wait_s - 0.5):
        wrong.append(f"after {met.unwell_for_s:.0f} s of being {met.truth}")
    if deed.grace_s < settings.stateful_grace_s:
        wrong.append(f"with {deed.grace_s:g} s of grace")
    if deed.may_kill and not (met.is_silent and met.letter != "R"):
        wrong.append(f"with the right to kill, while it is {met.truth} in state {met.letter}")
    return [("safety 12", f"stateful {name} is restarted {what}") for what in wrong]


def _before_its_root(case: Case, deed: Deed) -> list[Objection]:
    """What it needs must have served for two windows, unless nobody could have seen the outage."""
    found: list[Objection] = []
    for target in case.hard_closure[deed.service]:
        service = case.world.services[target]
        if not service.outages or not _is_visible(case, target):
            continue
        last = service.outages[-1]
        is_over = is_known(last.to_s)
        if (last.to_s if is_over else deed.at_s) - last.from_s < SEEN_AFTER_S:
            continue
        since_s = deed.at_s - last.to_s if is_over else 0.0
        if since_s < case.settings.two_windows_s - SEEN_AFTER_S:
            how = f"serves again for only {since_s:.0f} s" if is_over else "does not serve"
            found.append(("4 victim", f"{deed.verb} {deed.service}, though {target} {how}"))
    return found


def _is_visible(case: Case, service: str) -> bool:
    """Has it a probe, or is it dead for all to see?"""
    found = case.world.services[service]
    return found.spec.probe is not None or not any(i.is_up for i in found.instances.values())


def _stopped(case: Case, deed: Deed) -> list[Objection]:
    purpose = case.chronicle.purposes.get(deed.service)
    if purpose is None or not case.chronicle.is_stopped(deed.service):
        return []
    if deed.at_s - purpose.at_s < ON_ITS_WAY_S:
        return []
    return [("safety 5", f"{deed.verb} {deed.service}, which {purpose.by} wants stopped")]


def _minimum(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """No call takes a well instance of too few, and none leaves more than the maximum. In a quiet
    hour its owner allows for fewer, on a prediction."""
    service = case.world.services[deed.service]
    well = {i.name for i in service.instances.values() if i.truth is Truth.WELL}
    lost = {
        n for n, m in deed.targets.items() if m.truth is Truth.WELL and m.well_for_s > WELL_FOR_S
    }
    is_foretold = action is not None and action.intent.cause in LEAKS
    if is_foretold and case.world.stack.quiet_hours:
        lost = set()
    if action is not None and action.kind is ActionKind.EMERGENCY_ROLLBACK:
        lost = set()  # replacing one whose change is undone lowers nothing
    if lost and len(well - lost) < service.spec.min_instances:
        return [("5", f"{deed.verb} leaves {len(well - lost)} healthy {deed.service}")]
    if len(service.instances) > service.spec.max_instances:
        return [("5", f"{len(service.instances)} instances of {deed.service}")]
    return []
