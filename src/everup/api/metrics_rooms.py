"""Metrics of the rooms beside the loop: notifications, heartbeat, log file, history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from everup.loop.rooms import RoomCounts
from everup.model.kinds import is_known


def of_rooms(counts: RoomCounts) -> Iterator[Metric]:
    """All families, also those without a sample."""
    told = CounterMetricFamily(
        "everup_notifications", "Messages to people.", labels=["notifier", "result"]
    )
    for (notifier, result), count in sorted(counts.notifications.items()):
        told.add_metric([notifier, result], count)
    yield told
    yield _by_result("everup_heartbeats", "Calls to the heartbeat's address.", counts.heartbeats)
    lines = {"written": counts.log_lines, "lost": counts.log_lost}
    yield _by_result("everup_log_lines", "Lines for the log file.", lines)
    history = counts.history
    samples = {"written": history.samples, "shed": history.shed}
    yield _by_result("everup_history_samples", "Samples for the history on disk.", samples)
    size = GaugeMetricFamily("everup_history_bytes", "Size of the history on disk.")
    if is_known(history.total_bytes):
        size.add_metric([], history.total_bytes)
    yield size
    yield from _of_router(counts)
    yield GaugeMetricFamily(
        "everup_history_fault",
        "1 while the disk does not take history.",
        value=bool(history.fault),
    )


def _of_router(counts: RoomCounts) -> Iterator[Metric]:
    """Without samples where there is no router."""
    router = counts.router
    calls = {} if router is None else {"answered": router.answered, "failed": router.failed}
    yield _by_result("everup_router_calls", "Questions and orders to the router.", calls)
    fault = GaugeMetricFamily("everup_router_fault", "1 while the router does not answer.")
    held = GaugeMetricFamily("everup_router_held", "Servers that are held in the router.")
    if router is not None:
        fault.add_metric([], bool(router.fault))
        held.add_metric([], router.held)
    yield from (fault, held)


def _by_result(name: str, text: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=["result"])
    for result, count in sorted(counts.items()):
        family.add_metric([result], count)
    return family
