"""Listings of a router → what is asked of each service. Pure but for what it remembers: the listing
before, whose each server was, and the latest few intervals.

Flows in: listings, and which servers are whose. Flows out: a Load for each service that the router
counts. Called by `loads`, once per interval.

    rate = requests of the latest three intervals / their length
    latency = of their answers alone, where the router says how its mean fades; else that mean

A group of servers that serves one service alone is counted as a whole: then what waited in vain for
a place is in it, also while there is no instance at all. Otherwise its servers are added up. An
interval is left out when the router began anew, when a counter fell, or when it lasted longer than
the whole window.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field

from everup.model.kinds import UNKNOWN, is_known
from everup.model.load import Load
from everup.model.routing import RoutedServer, RouterListing, Served, ServerName

WINDOW_INTERVALS = 3
LATE = 1.5
"""A reading may come so many intervals after the one before; the window is as much longer."""
TOLD_WITHIN_S = 0.002
"""Routers tell whole milliseconds, some of them in parts."""
TELLING = 0.1
"""Of the mean that the router tells: what latest answers are known less well than that is not
told of them alone."""
ROUTER = "router"
NOTHING_YET = Served(0.0, 0.0)

Placing = Mapping[str, Mapping[ServerName, str]]
"""Service → its servers, each with the instance that it is."""


class Fell(Exception):
    """A counter is less than it was: it was counted anew in between."""


@dataclass(frozen=True, slots=True)
class Recent:
    """Answers of an interval: how many, and how long they took in all. `blur_s`: by how much that
    may be wrong."""

    count: float = 0.0
    took_s: float = 0.0
    blur_s: float = 0.0


NOT_TOLD = Recent(took_s=UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Step:
    """One interval of one service, in seconds and requests."""

    end_s: float
    span_s: float
    requests: float
    failures: float
    by_instance: Mapping[str, float]
    answers: Recent


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
    answers: list[Recent] = []
    try:
        for name, instance in part.servers.items():
            had, has = _of_server(name, before, now)
            if has is None:
                continue
            more = _grown(had, has)
            by_instance[instance] = by_instance.get(instance, 0.0) + more[0]
            if name.group not in part.whole:
                total.append(more)
                answers.append(recent(had, has, more[0] - _more_at_work(name, before, now)))
        for group in part.whole:
            known, is_now = before.groups.get(group), now.groups[group]
            total.append(_grown(known, is_now))
            mine = (name for name in part.servers if name.group == group)
            at_work = sum(_more_at_work(name, before, now) for name in mine)
            waits = now.waiting[group] - before.waiting.get(group, 0.0)
            at_work += waits if is_known(waits) else 0.0
            answers.append(recent(known, is_now, total[-1][0] - at_work))
    except Fell:
        return None
    if not total:
        return None
    requests, failures = (sum(each) for each in zip(*total, strict=True))
    told = Recent(*(sum(each) for each in zip(*map(astuple, answers), strict=True)))
    return _Step(now.at_s, now.at_s - before.at_s, requests, failures, by_instance, told)


def recent(had: Served | None, has: Served, ended: float) -> Recent:
    """Of the `ended` answers since. With m the mean that the router tells, over n answers, and
    f = (1 - 1/n)^ended what is left of the earlier ones, m = f m' + (1 - f) x: x is theirs."""
    if not is_known(has.latency_s) or not is_known(has.fades_over) or not is_known(ended):
        return NOT_TOLD
    if ended < 1.0:
        return Recent()
    over = has.fades_over
    left = (1.0 - 1.0 / over) ** ended
    took_s = _sum_s(has) - (0.0 if had is None else _sum_s(had)) * left
    weight = ended / (over * (1.0 - left))
    return Recent(
        ended, max(0.0, took_s * weight), TOLD_WITHIN_S * min(has.requests, over) * weight
    )


def _sum_s(one: Served) -> float:
    """Of what its mean is over; before there are so many answers it is over those that are."""
    return one.latency_s * min(one.requests, one.fades_over) if one.requests > 0 else 0.0


def _more_at_work(name: ServerName, before: _Read, now: _Read) -> float:
    """How many more it works on than at the listing before; they were given to it, and have not
    ended."""
    known = before.servers.get(name)
    had = 0.0 if known is None else known.sessions
    more = now.servers[name].sessions - had
    return more if is_known(more) else 0.0


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
        _latency_s(part, now, steps) if requests else UNKNOWN,
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


def _latency_s(part: _Part, now: _Read, steps: tuple[_Step, ...]) -> float:
    """The mean of the answers of these intervals, where enough of them ended to tell it."""
    told_s = _told_s(part, now)
    count = sum(step.answers.count for step in steps)
    blur_s = sum(step.answers.blur_s for step in steps)
    if count and blur_s <= TELLING * told_s * count:
        latest_s = sum(step.answers.took_s for step in steps) / count
        return latest_s if is_known(latest_s) else told_s
    return told_s


def _told_s(part: _Part, now: _Read) -> float:
    """What the router tells of the latest answers, each group or server as much as it was asked."""
    single = (now.servers[name].served for name in part.servers if name.group not in part.whole)
    counted = [*(now.groups[name] for name in part.whole), *single]
    timed = [one for one in counted if one is not None and is_known(one.latency_s)]
    weight = sum(one.requests for one in timed)
    return sum(one.latency_s * one.requests for one in timed) / weight if weight else UNKNOWN
