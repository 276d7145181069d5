"""Listings of a router → what is asked of each service. Pure but for what it remembers: the listing
before, whose each server was, and the latest few intervals.

Flows in: listings, and which servers are whose. Flows out: a Load for each service that the router
counts. Called by `loads`, once per interval.

    rate = requests of the latest three intervals / their length

A group of servers that serves one service alone is counted as a whole: then what waited in vain for
a place is in it, also while there is no instance at all. Otherwise its servers are added up. An
interval is left out when the router began anew, when a counter fell, or when it lasted longer than
the whole window.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN, is_known
from everup.model.load import Load
from everup.model.routing import RoutedServer, RouterListing, Served, ServerName

WINDOW_INTERVALS = 3
LATE = 1.5
"""A reading may come so many intervals after the one before; the window is as much longer."""
ROUTER = "router"
NOTHING_YET = Served(0.0, 0.0)

Placing = Mapping[str, Mapping[ServerName, str]]
"""Service → its servers, each with the instance that it is."""


class Fell(Exception):
    """A counter is less than it was: it was counted anew in between."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One interval of one service, in seconds and requests."""

    end_s: float
    span_s: float
    requests: float
    failures: float
    by_instance: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Read:
    """One listing, by name."""

    at_s: float = UNKNOWN
    life: str = ""
    servers: Mapping[ServerName, RoutedServer] = field(default_factory=dict)
    groups: Mapping[str, Served] = field(default_factory=dict)
    waiting: Mapping[str, float] = field(default_factory=dict)  # of each group, at no server yet


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a listing is one service's: its servers, the groups that are its alone, and how much
    of each group is its."""

    servers: Mapping[ServerName, str]
    whole: frozenset[str]
    shares: Mapping[str, float]


class LoadMeter:
    """Of one stack. `interval_s`: how often it is read. `declared`: service → the group that its
    owner names."""

    def __init__(self, interval_s: float, declared: Mapping[str, str]) -> None:
        self._window_s = WINDOW_INTERVALS * LATE * interval_s
        self._declared = declared
        self._before = _Read()
        self._owners: dict[ServerName, str] = {}
        self._steps: dict[str, deque[_Step]] = {}

    def take(self, at_s: float, placing: Placing, listing: RouterListing) -> dict[str, Load]:
        """What is asked of each service that the router counts, by now."""
        before, now = self._before, _read(at_s, listing)
        self._before = now
        self._own(placing, now, is_anew=before.life != now.life)
        is_next = before.life == now.life and 0.0 < at_s - before.at_s <= self._window_s
        strangers = _strangers(before, now, self._owners) if is_next else Counter[str]()
        found: dict[str, Load] = {}
        steps: dict[str, deque[_Step]] = {}
        for service, part in self._parts(placing, now, strangers).items():
            kept = steps[service] = self._steps.get(service) or deque(maxlen=WINDOW_INTERVALS)
            step = _step(part, before, now) if is_next else None
            if step is not None:
                kept.append(step)
            while kept and not at_s - self._window_s < kept[0].end_s <= at_s:
                kept.popleft()  # long ago, or from before the clock was set back
            found[service] = _load(part, now, kept)
        self._steps = steps
        return found

    def _own(self, placing: Placing, now: _Read, *, is_anew: bool) -> None:
        """Whose was a server that is nobody's now: what it has done was its service's."""
        if is_anew:
            self._owners.clear()
        for service, servers in placing.items():
            self._owners.update(dict.fromkeys(servers, service))
        self._owners = {name: of for name, of in self._owners.items() if name in now.servers}

    def _parts(
        self, placing: Placing, now: _Read, strangers: Mapping[str, int]
    ) -> dict[str, _Part]:
        known, mine = Counter[str](strangers), dict[str, Counter[str]]()
        for name, owner in self._owners.items():
            known[name.group] += 1
            mine.setdefault(owner, Counter())[name.group] += 1
        for service, group in self._declared.items():
            if not known[group]:  # nobody is seen in it: it is whose owner says so
                mine.setdefault(service, Counter())[group] = 1
        alone = Counter(self._declared.values())
        found: dict[str, _Part] = {}
        for service, groups in mine.items():
            shares = {g: count / (known[g] or alone[g]) for g, count in groups.items()}
            whole = frozenset(g for g, share in shares.items() if share == 1.0 and g in now.groups)
            servers = {n: i for n, i in placing.get(service, {}).items() if n in now.servers}
            if servers or whole:
                found[service] = _Part(servers, whole, shares)
        return found


def _read(at_s: float, listing: RouterListing) -> _Read:
    return _Read(
        at_s,
        listing.life,
        {server.name: server for server in listing.servers},
        {name: one.served for name, one in listing.groups.items() if one.served is not None},
        {name: one.waiting for name, one in listing.groups.items()},
    )


def _strangers(before: _Read, now: _Read, owners: Mapping[ServerName, str]) -> Counter[str]:
    """Group → servers that had work since, and are none of the stack's."""
    others = (name for name in now.servers if name not in owners)
    return Counter(n.group for n in others if _since(*_of_server(n, before, now))[0] != 0.0)


def _step(part: _Part, before: _Read, now: _Read) -> _Step | None:
    """None: nothing of it is counted, or it was counted anew."""
    by_instance: dict[str, float] = {}
    total: list[tuple[float, float]] = []
    try:
        for name, instance in part.servers.items():
            had, has = _of_server(name, before, now)
            if has is None:
                continue
            more = _grown(had, has)
            by_instance[instance] = by_instance.get(instance, 0.0) + more[0]
            if name.group not in part.whole:
                total.append(more)
        total += [_grown(before.groups.get(name), now.groups[name]) for name in part.whole]
    except Fell:
        return None
    if not total:
        return None
    requests, failures = (sum(each) for each in zip(*total, strict=True))
    return _Step(now.at_s, now.at_s - before.at_s, requests, failures, by_instance)


def _of_server(name: ServerName, before: _Read, now: _Read) -> tuple[Served | None, Served | None]:
    """What it was given by the listing before, and by now; one that was not there had nothing."""
    known = before.servers.get(name)
    return (NOTHING_YET if known is None else known.served), now.servers[name].served


def _grown(had: Served | None, has: Served) -> tuple[float, float]:
    """(requests, failures) in between. Raises Fell."""
    requests, failures = _since(had, has)
    if not (requests >= 0.0 and failures >= 0.0):
        raise Fell
    return requests, failures


def _since(had: Served | None, has: Served | None) -> tuple[float, float]:
    """The same as it is; unknown where it was not counted."""
    if had is None or has is None:
        return UNKNOWN, UNKNOWN
    return has.requests - had.requests, has.failures - had.failures


def _load(part: _Part, now: _Read, steps: Iterable[_Step]) -> Load:
    steps = tuple(steps)
    span_s = sum(step.span_s for step in steps)
    requests = sum(step.requests for step in steps)
    failures = min(sum(step.failures for step in steps), requests)  # they are told when they end
    servers = [now.servers[name] for name in part.servers]
    outside = sum(now.waiting.get(name, 0.0) * share for name, share in part.shares.items())
    return Load(
        now.at_s,
        requests / span_s if span_s else UNKNOWN,
        failures / span_s if span_s else UNKNOWN,
        _latency_s(part, now) if requests else UNKNOWN,
        sum(server.sessions for server in servers) + outside,
        sum(server.waiting for server in servers) + outside,
        by_instance=_by_instance(part, steps),
        source=ROUTER,
    )


def _by_instance(part: _Part, steps: tuple[_Step, ...]) -> dict[str, float]:
    """Of each over those intervals in which it was there."""
    found: dict[str, float] = {}
    for name in sorted(frozenset(part.servers.values())):
        mine = [step for step in steps if name in step.by_instance]
        if span_s := sum(step.span_s for step in mine):
            found[name] = sum(step.by_instance[name] for step in mine) / span_s
    return found


def _latency_s(part: _Part, now: _Read) -> float:
    """The mean of the latest answers, each group or server as much as it was asked."""
    single = (now.servers[name].served for name in part.servers if name.group not in part.whole)
    counted = [*(now.groups[name] for name in part.whole), *single]
    timed = [one for one in counted if one is not None and is_known(one.latency_s)]
    weight = sum(one.requests for one in timed)
    return sum(one.latency_s * one.requests for one in timed) / weight if weight else UNKNOWN
