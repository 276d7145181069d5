"""What an action started and what has ended again, whenever that was. Pure; asked by `verify`.

Flows in: an action that is carried out, the service as it is seen. Flows out: ends of lives that
began with it. Who dies before the start has returned is told by how long it ran: that end is no
part of the action, which only ended what ran before.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.evidence import Failed, Passed, Pending, Verification
from everup.model.kinds import InstanceState
from everup.model.observation import Exit, ServiceObservation
from everup.model.state import InFlight


def new_ends(flight: InFlight, seen: ServiceObservation) -> list[Exit]:
    """Of those that are dead and that nobody starts any more: ends of a life that began after the
    intent, in order. What nobody knows the length of is left out."""
    target = flight.step.parameters.get("instance")
    found: list[Exit] = []
    for instance in (one.instance for one in seen.instances):
        end = instance.exit
        if instance.state is not InstanceState.EXITED or end is None:
            continue
        began_s = end.at_s - end.ran_s
        if target in (None, instance.name) and began_s >= flight.intended_at_s:
            found.append(replace(end, instance=instance.name))
    return sorted(found, key=lambda end: end.at_s)


def asked_to_end(flight: InFlight, seen: ServiceObservation) -> str:
    """How somebody else had what was acted upon end before its proof; "" when nobody did."""
    target = flight.step.parameters.get("instance")
    for instance in (one.instance for one in seen.instances):
        end = instance.exit
        if instance.state is not InstanceState.EXITED or end is None:
            continue
        if target in (None, instance.name) and end.asked and end.at_s > flight.done_at_s:
            return end.asked
    return ""


def ran_once(flight: InFlight, seen: ServiceObservation, *, is_late: bool) -> Verification:
    """What runs once has done its work when it has ended with 0, and not before."""
    ends = new_ends(flight, seen)
    known = {end.instance for end in ends}
    ends += [e for e in seen.exits if e.at_s > flight.done_at_s and e.instance not in known]
    for end in ends:
        if end.code != 0 or end.is_out_of_memory:
            return Failed(f"it {end.text}")
    target = flight.step.parameters.get("instance")
    watched = [i.instance for i in seen.instances if target in (None, i.instance.name)]
    if watched and {one.name for one in watched} <= {end.instance for end in ends}:
        return Passed(f"it ran once and ended with 0 after {ends[-1].ran_s:.1f} s")
    if not is_late:
        return Pending("its end")
    is_up = any(one.state is InstanceState.RUNNING for one in watched)
    return Failed("not in time: it still runs" if is_up else "not in time: its end was not seen")


def as_before(
    flight: InFlight, seen: ServiceObservation, now_s: float, *, is_late: bool
) -> Verification:
    """What was put back is there when all of it is the version that it was. It runs for a window;
    or it does not, as it may not have before: then it is there all the same when the time is over,
    and whoever heals it does so as ever."""
    wanted = flight.expectation.version
    there = [one.instance for one in seen.instances]
    count = flight.expectation.instances or len(there)
    if not there or len(there) != count or any(one.version != wanted for one in there):
        missing = "what ran before is not there again"
        return Failed(f"not in time: {missing}") if is_late else Pending(missing)
    runs = all(one.state is InstanceState.RUNNING for one in there)
    ran_s = now_s - flight.done_at_s
    if runs and ran_s >= flight.expectation.window_s and not new_ends(flight, seen):
        return Passed(f"what ran before runs again, for {ran_s:.1f} s")
    if not is_late:
        return Pending("a window in which it runs")
    return Passed("what ran before is there again; it does not stay up, which is healed as ever")
