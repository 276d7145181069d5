"""Do two instances want the same port? Called by `load` when every service is read.

Instance i of a service listens on its port + i. Only what the processes runtime starts can collide:
containers have ports of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everup.config.errors import Problems
from everup.config.options import Options
from everup.config.service import Read

PORT_MOST = 65535


@dataclass(frozen=True, slots=True)
class _Span:
    """Ports first to last, and who wants them."""

    first: int
    last: int
    name: str
    where: str
    path: str


def check_ports(services: Sequence[Read], options: Options, problems: Problems) -> list[str]:
    """Collisions of declared instances are problems; returns warnings for those of scaled ones."""
    started = [read for read in services if read.spec.command and "port" in read.given]
    declared = [_span(read, read.spec.instances) for read in started]
    for span in declared:
        if span.last > PORT_MOST:
            problems.add(
                span.where,
                span.path,
                f"its instances need the ports up to {span.last}, and {PORT_MOST} is the last",
                fix="choose a lower port",
            )
    own = _Span(options.port, options.port, "Everup itself", str(options.file), "listen")
    for one, other in _collisions([own, *declared]):
        at, them = (other, one) if other.path != "listen" else (one, other)
        problems.add(
            at.where,
            at.path,
            f"{at.name} has {_spoken(at)} and {them.name} has {_spoken(them)}",
            fix="give them ports that do not overlap; instance i listens on port + i",
        )
    widest = [_span(read, max(read.spec.max_instances, read.spec.instances)) for read in started]
    known = {frozenset((one.name, other.name)) for one, other in _collisions(declared)}
    return [
        f"{one.where}: {one.name} may grow into the ports of {other.name} "
        f"({_spoken(one)}, {_spoken(other)})"
        for one, other in _collisions(widest)
        if frozenset((one.name, other.name)) not in known
    ]


def _span(read: Read, count: int) -> _Span:
    port = read.spec.port or 0
    field = read.given["port"]
    return _Span(port, port + max(count, 1) - 1, read.spec.name, field.where, field.path)


def _collisions(spans: Sequence[_Span]) -> list[tuple[_Span, _Span]]:
    """Neighbours that overlap. A span inside of a wider one shows as a chain of neighbours."""
    ordered = sorted((span for span in spans if span.first), key=lambda span: span.first)
    reach: list[_Span] = []
    found = []
    for span in ordered:
        if reach and reach[-1].last >= span.first:
            found.append((reach[-1], span))
            if span.last <= reach[-1].last:
                continue
        reach.append(span)
    return found


def _spoken(span: _Span) -> str:
    return f"port {span.first}" if span.first == span.last else f"ports {span.first} to {span.last}"
