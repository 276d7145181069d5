"""The desk: the latest reading of everything, kept by samplers, copied by `observe`.

Flows in: listings, probe answers, host and canary readings. Flows out: an Observation on demand,
and the deaths that appeared since the last look. Never waits, never decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from everup.loop.load_desk import LoadDesk
from everup.loop.proven import must_pass_first
from everup.loop.readings import Usage, doubted, first_usage, fold_probe, fold_usage
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import (
    Busy,
    Exit,
    HostObservation,
    Instance,
    InstanceObservation,
    MonitorObservation,
    Observation,
    ProbeReading,
    ProbeResult,
    ServiceObservation,
)
from everup.model.restraint import Restraint
from everup.model.runtime import Listing, Mismatch
from everup.model.settings import Settings
from everup.model.stack import Stack

STALE_INTERVALS = 2.0
LISTING_DEADLINE_INTERVALS = 2.0


class News(Enum):
    """What an answer says that was not known: nothing, a trouble that goes on, or a turn."""

    NONE = 0
    GOES_ON = 1
    TURNED = 2


@dataclass(slots=True)
class Kept:
    """One instance as last seen."""

    instance: Instance
    at_s: float
    usage: Usage
    probe: ProbeReading | None = None


class Desk:
    """Latest readings of one stack. Only samplers write, only the control task reads."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._stack = stack
        self._settings = settings
        self.heard: Callable[[str, ProbeResult], None] = lambda service, result: None
        self._kept: dict[str, dict[str, Kept]] = {name: {} for name in stack.services}
        self._deaths: list[tuple[str, str, Exit]] = []
        self._dead_identities: dict[str, str] = {}
        self._changes: dict[str, float] = {}
        self._changing_since: dict[str, float] = {}
        self._limit_s = STALE_INTERVALS * settings.sample_interval_s + settings.probe_timeout_s
        self.listing_deadline_s = LISTING_DEADLINE_INTERVALS * max(settings.sample_interval_s, 1.0)
        self._probe_limits_s = {
            name: STALE_INTERVALS * max(spec.probe.interval_s, settings.sample_interval_s)
            + spec.probe.timeout_s
            for name, spec in stack.services.items()
            if spec.probe is not None
        }
        self._busy: dict[str, Busy] = {}
        self.loads = LoadDesk(self._limit_s)
        self.listed_at_s = UNKNOWN
        self.engine_fault = ""
        self.mismatches: tuple[Mismatch, ...] = ()
        self.absent: frozenset[str] = frozenset()
        self._restraints: Mapping[str, Restraint] = {}
        self.faults: tuple[str, ...] = ()
        self.host = HostObservation()
        self.freezes: Mapping[str, str] = {}
        self.canaries_at_s = UNKNOWN
        self._sighted_at_s = float("-inf")
        self._last_look_s = UNKNOWN

    def take_listing(self, listing: Listing) -> bool:
        """Keep a listing; True when an instance died, was born or changed its state. One that was
        begun before the latest and ended after it, as on a busy machine, says nothing new but of
        a life that is over."""
        is_late = 0.0 < self.listed_at_s - listing.at_s <= self.listing_deadline_s
        if is_late and not listing.fault:
            return self._note_late_deaths(listing)
        was_blind = bool(self.engine_fault)
        self.engine_fault = listing.fault
        if listing.fault:
            return True
        if was_blind:
            self.see_again(listing.at_s)
        self.listed_at_s = listing.at_s
        self.mismatches = listing.mismatches
        changed = (self.absent, self._restraints) != (listing.absent, listing.restraints)
        self.absent, self._restraints = listing.absent, listing.restraints
        at_s = listing.at_s
        fresh: dict[str, dict[str, Kept]] = {name: {} for name in self._stack.services}
        for instance in listing.instances:
            of_service = fresh.get(instance.service)
            if of_service is None:
                continue
            known = self._kept[instance.service].get(instance.name)
            if known is None or known.instance.identity != instance.identity:
                changed = True
                of_service[instance.name] = Kept(instance, at_s, first_usage(instance, at_s))
            else:
                changed = changed or known.instance.state is not instance.state
                known.usage = fold_usage(known.usage, known.instance, known.at_s, instance, at_s)
                known.instance, known.at_s = instance, at_s
                of_service[instance.name] = known
            self._note_death(instance, at_s)
            if instance.check is not None:
                changed = self._take_check(of_service[instance.name], instance.check) or changed
        self._kept = fresh
        return changed

    def _note_late_deaths(self, listing: Listing) -> bool:
        """An earlier life than the one that is known, whose end was seen by this one alone."""
        for instance in listing.instances:
            known = self._kept.get(instance.service, {}).get(instance.name)
            if known is not None and instance.identity != known.instance.identity:
                self._note_death(instance, listing.at_s)
        return bool(self._deaths)

    def _take_check(self, kept: Kept, result: ProbeResult) -> bool:
        """An answer of the owner's own check; each is listed until the next one."""
        spec = self._stack.services[kept.instance.service].probe
        if spec is None or not spec.is_owners:
            return False
        if kept.probe is not None and not result.at_s > kept.probe.at_s:
            return False
        self.heard(kept.instance.service, result)
        news = self._fold(kept, result)
        is_young = result.in_a_row <= self._settings.verify_probes  # somebody may wait for it
        return news is not News.NONE or is_young

    def _note_death(self, instance: Instance, at_s: float) -> None:
        if instance.state not in (InstanceState.EXITED, InstanceState.RESTARTING):
            return
        if self._dead_identities.get(instance.name) == instance.identity:
            return
        self._dead_identities[instance.name] = instance.identity
        if instance.exit is None and instance.state is InstanceState.RESTARTING:
            return  # its engine starts it, and does not say that it ended
        death = instance.exit or Exit(at_s, was_witnessed=False)
        self._deaths.append((instance.service, instance.name, death))

    def take_probe(self, service: str, name: str, identity: str, result: ProbeResult) -> News:
        """Keep an answer; what it changes of what is thought of the instance."""
        kept = self._kept.get(service, {}).get(name)
        if kept is None or kept.instance.identity != identity:
            return News.NONE
        return self._fold(kept, result)

    def _fold(self, kept: Kept, result: ProbeResult) -> News:
        before = kept.probe
        kept.probe = fold_probe(before, result)
        if self._proves_nothing(kept):
            return News.NONE
        if before is None or before.verdict is not kept.probe.verdict:
            return News.TURNED
        if kept.probe.verdict is not ProbeVerdict.PASS:
            return News.GOES_ON
        is_young = kept.probe.successes_in_a_row <= self._settings.success_threshold
        return News.TURNED if is_young else News.NONE

    def take_host(self, host: HostObservation, at_s: float) -> None:
        """Keep a reading of the machine. While it was short of CPU, silence was no evidence."""
        most = self._settings.host_pressure_ratio
        was_pressed = self.host.pressure_ratio >= most
        self.host = host
        if was_pressed and not host.pressure_ratio >= most:
            self.see_again(at_s)

    def see_again(self, at_s: float) -> None:
        """Our own senses are back. Failures that they reported while they were not are no evidence
        against anybody, and nothing is complete before everything was asked once more."""
        self._sighted_at_s = at_s
        self.doubt_failures()

    def doubt_failures(self) -> None:
        """What failed until now may have been the host's fault or ours: it is counted anew."""
        for kept in (k for instances in self._kept.values() for k in instances.values()):
            if kept.probe is not None and kept.probe.failures_in_a_row:
                kept.probe = doubted(kept.probe)

    def _break(self, at_s: float) -> None:
        """The clock jumped, or nobody looked for long: what lasted until then begins anew."""
        self.see_again(at_s)
        self.loads.forget()
        for kept in (k for instances in self._kept.values() for k in instances.values()):
            kept.usage = first_usage(kept.instance, at_s)
            kept.at_s = at_s  # nobody knows what went on in between
        self.listed_at_s = min(self.listed_at_s, at_s)

    def take_deaths(self) -> list[tuple[str, str, Exit]]:
        """Deaths since the last call."""
        found, self._deaths = self._deaths, []
        return found

    def note_change(self, service: str, at_s: float) -> None:
        """Somebody else changed this service; events without a quiet while are one change."""
        last_s = self._changes.get(service, float("-inf"))
        if at_s - last_s > self._settings.change_quiet_s:
            self._changing_since[service] = at_s
        self._changes[service] = at_s

    def take_busy(self, service: str, busy: Busy | None) -> None:
        """Keep an answer; of equal ones in a row the first one's time and reason. None: forget."""
        known = self._busy.pop(service, None)
        if busy is None:
            return
        if known is not None and known.state is busy.state:
            busy = replace(known, at_s=busy.at_s)
        self._busy[service] = replace(
            busy, since_s=busy.since_s if is_known(busy.since_s) else busy.at_s
        )

    def instances(self, service: str) -> list[Instance]:
        """Those of the latest listing, running or not."""
        return [kept.instance for kept in self._kept.get(service, {}).values()]

    def running(self, service: str) -> list[Instance]:
        """Those of the latest listing that run."""
        return [
            k.instance
            for k in self._kept.get(service, {}).values()
            if k.instance.state is InstanceState.RUNNING
        ]

    def is_up_again(self, service: str, name: str, life: str, now_s: float) -> bool:
        """Does it answer well in another life than this one? Who cannot be asked has to run for a
        window."""
        kept = self._kept.get(service, {}).get(name)
        if kept is None or kept.instance.identity == life:
            return False
        if kept.instance.state is not InstanceState.RUNNING:
            return False
        spec = self._stack.services[service].probe
        if spec is None or self._proves_nothing(kept):
            return now_s - kept.instance.started_at_s >= self._settings.verify_window_s
        probe = kept.probe
        if probe is None or probe.verdict is not ProbeVerdict.PASS:
            return False
        return probe.successes_in_a_row >= self._settings.success_threshold

    def listed_after(self, at_s: float) -> bool:
        """Is the latest good listing newer than this?"""
        return is_known(self.listed_at_s) and self.listed_at_s > at_s

    def in_trouble(self, service: str) -> bool:
        """Does any instance of it look unwell right now?"""
        for kept in self._kept.get(service, {}).values():
            if kept.instance.state is not InstanceState.RUNNING:
                return True
            if kept.probe is not None and kept.probe.verdict is not ProbeVerdict.PASS:
                if not self._proves_nothing(kept):
                    return True
        return False

    def has_never_answered(self, service: str) -> bool:
        """Was it asked, as nobody declared, for longer than a start may take, and never answered
        well?"""
        probe = self._stack.services[service].probe
        if probe is None or not probe.is_inferred:
            return False
        most_s = self._settings.start_period_unknown_s
        kept = self._kept.get(service, {}).values()
        return bool(kept) and all(
            self._proves_nothing(k)
            and k.probe is not None
            and k.probe.at_s - k.probe.since_s > most_s
            for k in kept
        )

    def _proves_nothing(self, kept: Kept) -> bool:
        """It is not certain that we ask it rightly, and it never answered well."""
        spec = self._stack.services[kept.instance.service].probe
        if spec is None or not must_pass_first(spec, kept.instance):
            return False
        return kept.probe is None or not kept.probe.has_ever_passed

    def observation(self, now_s: float) -> Observation:
        """Everything at this moment, with values older than two intervals made unknown."""
        gap_s = now_s - self._last_look_s if is_known(self._last_look_s) else 0.0
        self._last_look_s = now_s
        if self._settings.is_break(gap_s):
            self._break(now_s)
        is_fresh = is_known(self.listed_at_s) and now_s - self.listed_at_s <= self._limit_s
        stale: list[str] = []
        complete = is_known(self.listed_at_s) and is_known(self.canaries_at_s)
        services: dict[str, ServiceObservation] = {}
        is_counted = not self.loads.is_empty
        for name, by_name in self._kept.items():
            kept = [by_name[n] for n in sorted(by_name)] if len(by_name) > 1 else by_name.values()
            probe_limit_s = self._probe_limits_s.get(name)
            is_read = is_fresh
            observed: list[InstanceObservation] = []
            for k in kept:
                seen = self._observed(k, now_s, probe_limit_s or self._limit_s)
                observed.append(seen)
                if k.instance.state is not InstanceState.RUNNING:
                    continue  # nobody asks what does not run, and its death was seen
                if seen.probe is not None and not self._proves_nothing(k):
                    is_read = is_read and seen.probe.verdict is not ProbeVerdict.UNKNOWN
                if probe_limit_s is not None:
                    complete = complete and self._is_asked(k)
            services[name] = ServiceObservation(
                name,
                tuple(observed),
                is_known=is_fresh,
                busy=self._busy.get(name),
                load=self.loads.of(name, now_s) if is_counted else None,
            )
            if not is_read:
                stale.append(name)
        monitor = MonitorObservation(
            self.faults,
            tuple(stale) if is_known(self.listed_at_s) else (),
            gap_s,
            self.engine_fault,
        )
        return Observation(
            now_s,
            services,
            monitor,
            self.host,
            complete,
            dict(self._changes),
            dict(self._changing_since),
            self.freezes,
            self._restraints,
        )

    def _is_asked(self, kept: Kept) -> bool:
        return kept.probe is not None and kept.probe.at_s > self._sighted_at_s

    def _observed(self, kept: Kept, now_s: float, limit_s: float) -> InstanceObservation:
        probe = kept.probe
        if probe is not None and now_s - probe.at_s > limit_s:
            probe = replace(probe, verdict=ProbeVerdict.UNKNOWN, detail="not asked for too long")
        return InstanceObservation(
            kept.instance,
            probe,
            kept.usage.cpu_ratio,
            kept.usage.memory_ratio,
            kept.usage.idle_since_s,
            kept.at_s,
            kept.usage.queue_since_s,
            kept.usage.starved_at_s,
            kept.usage.stuck_since_s,
            kept.usage.full_since_s,
            received_per_s=kept.usage.received_per_s,
            sent_per_s=kept.usage.sent_per_s,
            throttled_ratio=kept.usage.throttled_ratio,
        )
