"""The desk: the latest reading of everything, kept by samplers, copied by `observe`.

Flows in: listings, probe answers, host and canary readings. Flows out: an Observation on demand,
and the deaths that appeared since the last look. Never waits, never decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from everup.loop.readings import Usage, doubted, fold_probe, fold_usage
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
from everup.model.runtime import Listing
from everup.model.settings import Settings
from everup.model.stack import Stack

STALE_INTERVALS = 2.0


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
        self._kept: dict[str, dict[str, Kept]] = {name: {} for name in stack.services}
        self._deaths: list[tuple[str, str, Exit]] = []
        self._dead_identities: dict[str, str] = {}
        self._changes: dict[str, float] = {}
        self._busy: dict[str, Busy] = {}
        self.listed_at_s = UNKNOWN
        self.engine_fault = ""
        self.faults: tuple[str, ...] = ()
        self.host = HostObservation()
        self.canaries_at_s = UNKNOWN
        self._sighted_at_s = float("-inf")
        self._last_look_s = UNKNOWN

    def take_listing(self, listing: Listing) -> bool:
        """Keep a listing; True when an instance died, was born or changed its state."""
        was_blind = bool(self.engine_fault)
        self.engine_fault = listing.fault
        if listing.fault:
            return True
        if was_blind:
            self.see_again(listing.at_s)
        self.listed_at_s = listing.at_s
        changed = False
        fresh: dict[str, dict[str, Kept]] = {name: {} for name in self._stack.services}
        for instance in listing.instances:
            if instance.service not in fresh:
                continue
            known = self._kept[instance.service].get(instance.name)
            same = known is not None and known.instance.identity == instance.identity
            changed |= known is None or not same or known.instance.state is not instance.state
            usage = fold_usage(
                known.usage if known is not None and same else Usage(),
                known.instance if known is not None else None,
                known.at_s if known is not None else listing.at_s,
                instance,
                listing.at_s,
            )
            probe = known.probe if known is not None and same else None
            fresh[instance.service][instance.name] = Kept(instance, listing.at_s, usage, probe)
            self._note_death(instance, listing.at_s)
        self._kept = fresh
        return changed

    def _note_death(self, instance: Instance, at_s: float) -> None:
        if instance.state is not InstanceState.EXITED:
            return
        if self._dead_identities.get(instance.name) == instance.identity:
            return
        self._dead_identities[instance.name] = instance.identity
        death = instance.exit or Exit(at_s, was_witnessed=False)
        self._deaths.append((instance.service, instance.name, death))

    def take_probe(self, service: str, name: str, identity: str, result: ProbeResult) -> bool:
        """Keep an answer; True when it changes what is thought of the instance."""
        kept = self._kept.get(service, {}).get(name)
        if kept is None or kept.instance.identity != identity:
            return False
        before = kept.probe
        kept.probe = fold_probe(before, result)
        if before is None or before.verdict is not kept.probe.verdict:
            return True
        if kept.probe.verdict is not ProbeVerdict.PASS:
            return True
        return kept.probe.successes_in_a_row <= self._settings.success_threshold

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
        for kept in (k for instances in self._kept.values() for k in instances.values()):
            if kept.probe is not None and kept.probe.failures_in_a_row:
                kept.probe = doubted(kept.probe)

    def take_deaths(self) -> list[tuple[str, str, Exit]]:
        """Deaths since the last call."""
        found, self._deaths = self._deaths, []
        return found

    def note_change(self, service: str, at_s: float) -> None:
        """Somebody else changed this service."""
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

    def instances(self, service: str) -> tuple[Instance, ...]:
        """The latest listing of a service."""
        return tuple(k.instance for k in self._kept.get(service, {}).values())

    def listed_after(self, at_s: float) -> bool:
        """Is the latest good listing newer than this?"""
        return is_known(self.listed_at_s) and self.listed_at_s > at_s

    def in_trouble(self, service: str) -> bool:
        """Does any instance of it look unwell right now?"""
        return any(
            k.instance.state is not InstanceState.RUNNING
            or (k.probe is not None and k.probe.verdict is not ProbeVerdict.PASS)
            for k in self._kept.get(service, {}).values()
        )

    def observation(self, now_s: float) -> Observation:
        """Everything at this moment, with values older than two intervals made unknown."""
        settings = self._settings
        gap_s = now_s - self._last_look_s if is_known(self._last_look_s) else 0.0
        self._last_look_s = now_s
        limit_s = STALE_INTERVALS * settings.sample_interval_s + settings.probe_timeout_s
        is_fresh = is_known(self.listed_at_s) and now_s - self.listed_at_s <= limit_s
        stale: list[str] = []
        complete = is_known(self.listed_at_s) and is_known(self.canaries_at_s)
        services: dict[str, ServiceObservation] = {}
        for name, spec in self._stack.services.items():
            kept = tuple(sorted(self._kept[name].values(), key=lambda k: k.instance.name))
            probe_limit_s = limit_s
            if spec.probe is not None:
                interval_s = max(spec.probe.interval_s, settings.sample_interval_s)
                probe_limit_s = STALE_INTERVALS * interval_s + spec.probe.timeout_s
                running = [k for k in kept if k.instance.state is InstanceState.RUNNING]
                complete &= all(self._is_asked(k) for k in running)
            observed = tuple(self._observed(k, now_s, probe_limit_s) for k in kept)
            services[name] = ServiceObservation(
                name, observed, is_known=is_fresh, busy=self._busy.get(name)
            )
            blind = [
                o
                for o in observed
                if o.probe is not None and o.probe.verdict is ProbeVerdict.UNKNOWN
            ]
            if not is_fresh or blind:
                stale.append(name)
        monitor = MonitorObservation(
            self.faults,
            tuple(stale) if is_known(self.listed_at_s) else (),
            gap_s,
            self.engine_fault,
        )
        return Observation(now_s, services, monitor, self.host, complete, dict(self._changes))

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
        )
