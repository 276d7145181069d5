"""Dependencies that the settings of a container give away: variables and arguments. Pure.

Called by `edges`. Only names that the engine would resolve from there count. What a service writes
to (traces, logs, mail) it can do without: soft. Values may be secrets: only the variable is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everup.model.kinds import DependencyKind
from everup.model.stack import Dependency
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.edges_declared import SOFT_WEIGHT
from everup.runtimes.docker.discovery.hosts import hosts_in, hosts_in_argument, words_of

VARIABLES_MOST = 500
ARGUMENTS_MOST = 200
_DISPENSABLE = frozenset(
    [
        *("OTEL", "OTLP", "JAEGER", "ZIPKIN", "SENTRY", "STATSD", "LOKI", "GRAPHITE", "TRACING"),
        *("TELEMETRY", "SYSLOG", "FLUENTD", "FLUENT", "PUSHGATEWAY", "METRICS", "LOG", "LOGS"),
        *("LOGGING", "SMTP", "MAIL", "MAILER", "EMAIL", "WEBHOOK", "WEBHOOKS", "NOTIFY", "APPRISE"),
        *("GOTIFY", "NTFY", "FRONTEND"),
    ]
)


def environment_edges(
    one: Container, reachable: Mapping[str, frozenset[str]]
) -> Iterator[Dependency]:
    """An edge for each service that a variable or an argument names as a host."""
    for variable, value in list(one.env.items())[:VARIABLES_MOST]:
        is_soft = bool(_DISPENSABLE.intersection(words_of(variable)))
        for host, confidence in hosts_in(variable, value).items():
            yield from _edges(
                reachable.get(host, frozenset()), confidence, f"environment {variable}", is_soft
            )
    for argument in one.command[:ARGUMENTS_MOST]:
        for host, confidence in hosts_in_argument(argument).items():
            yield from _edges(reachable.get(host, frozenset()), confidence, "command line", False)


def _edges(
    services: frozenset[str], confidence: float, source: str, is_soft: bool
) -> Iterator[Dependency]:
    """Where several services answer to one name, losing one of them is no loss of all."""
    for service in sorted(services):
        if is_soft or len(services) > 1:
            weight = SOFT_WEIGHT * confidence
            yield Dependency(
                service, DependencyKind.SOFT, weight, source=source, confidence=confidence
            )
        else:
            yield Dependency(service, weight=confidence, source=source, confidence=confidence)
