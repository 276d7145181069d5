"""Metrics of what is kept to go back to: snapshots, objects, images, and whether all is whole."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from everup.api.engine import ControlView
from everup.model.kinds import is_known
from everup.rollback_manager import is_safe


def of_kept(control: ControlView) -> Iterator[Metric]:
    """All families."""
    state, (objects, total_bytes) = control.state, control.snapshots.kept
    yield _gauge("everup_snapshots", "Snapshots that are kept.", len(state.snapshots))
    safe = sum(is_safe(mark, control.stack, state) for mark in state.snapshots)
    yield _gauge("everup_snapshots_safe", "Those in which everything was proven.", safe)
    yield _gauge("everup_kept_objects", "Objects in the vault, as last counted.", objects)
    yield _gauge("everup_kept_bytes", "Their size, as last counted.", total_bytes)
    images = {image: size for mark in state.snapshots for image, size in mark.images.items()}
    sizes = sum(size for size in images.values() if is_known(size))
    yield _gauge("everup_kept_image_bytes", "Size of images that are kept by a name.", sizes)
    age = GaugeMetricFamily("everup_snapshot_age_seconds", "Time since the newest snapshot.")
    if state.snapshots:
        age.add_metric([], control.now_s() - state.snapshots[-1].at_s)
    yield age
    harms = 0 if state.kept_verified is None else len(state.kept_verified.harms)
    yield _gauge("everup_kept_harms", "Objects that were damaged or missing when last read.", harms)
    fault = bool(control.snapshots.fault)
    yield _gauge("everup_snapshots_fault", "1 while snapshots cannot be kept.", fault)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
