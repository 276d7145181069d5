"""Which values each field of `Settings` may have, and how they must stand to each other.

Called by `load` with fields from the file, the environment and the flags, in this order; the last
one wins. `THRESHOLD_NAMES` are the names under `thresholds:` in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from everup.config.errors import Problems
from everup.config.reading import Field, Reader, duration, flag, number, size, spoken_s, whole
from everup.model.settings import Settings

LONGEST_S = 30 * 86400.0
COUNT_MOST = 100_000

SWITCHES = frozenset({"auto_scaling_enabled"})
"""Whole components, switched by a variable of their own."""

NAMES: tuple[str, ...] = tuple(
    f.name for f in fields(Settings) if f.name != "time_scale" and f.name not in SWITCHES
)
"""`time_scale` is an option of its own, since it also scales what services declare."""

THRESHOLD_NAMES: Mapping[str, str] = {
    "health_score": "health_threshold",
    "graceful_restart_below": "graceful_restart_below",
    "container_restart_below": "container_restart_below",
    "rollback_below": "rollback_below",
    "cache_clear_memory_above": "cache_clear_memory_above",
    "failure_threshold": "failure_threshold",
    "success_threshold": "success_threshold",
}

THRESHOLD_TEXTS: Mapping[str, str] = {
    "health_score": "Below it, intervention is considered.",
    "graceful_restart_below": "Score below which a graceful restart may be used.",
    "container_restart_below": "Score below which a container restart may be used.",
    "rollback_below": "Score below which an emergency rollback may be used.",
    "cache_clear_memory_above": "Memory ratio above which a cache may be cleared.",
    "failure_threshold": "Failed probes in a row until unhealthy.",
    "success_threshold": "Good probes in a row until healthy.",
}

_AT_LEAST_S = {
    # Where a promise to the owner names a time, a setting may lengthen it and not shorten it.
    "hang_lasts_s": 8.0,
    "stateful_wait_s": 60.0,
    "stateful_grace_s": 60.0,
    "verify_window_s": 1.0,
    "trend_least_s": 10.0,
    "prediction_again_s": 86_400.0,
    "isolation_wait_s": 60.0,
    # Nothing may wait for nothing, ten times a second.
    "tick_s": 1.0,
    "snapshot_interval_s": 10.0,
    "training_interval_s": 60.0,
    "training_first_s": 60.0,
    "tuning_interval_s": 60.0,
    "training_most_s": 10.0,
    "snapshot_verify_interval_s": 10.0,
    "backoff_first_s": 1.0,
    # A breaker that opens for a blink protects nobody.
    "breaker_window_s": 1.0,
    "breaker_open_s": 1.0,
    "breaker_trial_s": 1.0,
    "scale_interval_s": 1.0,
    "scale_lookahead_s": 10.0,
    "resize_window_s": 60.0,
    "resize_half_life_s": 60.0,
}
_MAY_BE_ZERO_S = {
    "cooldown_s",
    "cache_clear_cooldown_s",
    "rollback_cooldown_s",
    "startup_hold_s",
    "first_hold_s",
    "start_period_unknown_s",
    "rate_interval_s",
    "natural_wait_most_s",
    "snapshot_before_most_s",
    "drain_most_s",
    "drain_sick_most_s",
    "slow_start_s",
    "mitigation_wait_s",
    "scale_down_window_s",
    "scale_hand_s",
}
_COUNTS = {
    "history_slots": (20, COUNT_MOST),
    "history_days": (1, 365),
    "journal_days": (1, 3650),
    "log_files": (1, 100),
    "snapshots_most": (2, 100),
    "training_days": (1, 365),
    "training_rows_most": (1000, 50_000_000),
    "pending_entries_most": (10, COUNT_MOST),
}
_BYTES_LEAST = {
    "evidence_bytes": 2.0**10,
    "history_total_bytes": 2.0**20,
    "journal_total_bytes": 2.0**22,
    "log_file_bytes": 2.0**16,
}

_RATIO_LEAST = {
    # A share that no call at all would reach.
    "breaker_failure_ratio": 0.01,
    "breaker_slow_ratio": 0.01,
    # Below it nothing would ever grow.
    "scale_up_most_ratio": 1.0,
    # Below it a shortage is as good as what prevents it.
    "scale_shortage_costs": 1.0,
}

_RATIO_MOST = {
    "scale_up_most_ratio": 100.0,
    "scale_shortage_costs": 10_000.0,
}

_IN_ORDER: tuple[tuple[str, ...], ...] = (
    ("rollback_below", "container_restart_below", "graceful_restart_below", "health_threshold"),
    ("close_sample_interval_s", "sample_interval_s", "calm_canary_interval_s"),
    ("backoff_first_s", "backoff_most_s"),
    ("verify_window_s", "verify_deadline_s"),
    ("change_quiet_s", "change_most_s"),
    ("evidence_deadline_s", "action_deadline_s"),
    ("breaker_open_s", "breaker_open_most_s"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value that somebody chose, and where, so that a later check can point at it."""

    value: float
    field: Field


def is_switch(name: str) -> bool:
    """Is the settings field `name` true or false?"""
    return isinstance(getattr(Settings(), name), bool)


def bounds_of(name: str) -> tuple[float, float]:
    """The least and the most that the settings field `name` may be."""
    if name.endswith("_bytes"):
        return _BYTES_LEAST.get(name, 0.0), 2.0**44
    if name.endswith("_s"):
        return _least_s(name), LONGEST_S
    if isinstance(getattr(Settings(), name), int):
        return _COUNTS.get(name, (1, 1000))
    return _RATIO_LEAST.get(name, 0.0), _RATIO_MOST.get(name, 1.0)


def reader_of(name: str) -> Reader[bool] | Reader[int] | Reader[float]:
    """How the settings field `name` is read: by its unit, within its bounds."""
    if is_switch(name):
        return flag
    low, high = bounds_of(name)
    if name.endswith("_bytes"):
        return size(low, high)
    if name.endswith("_s"):
        return duration(low, high)
    if isinstance(getattr(Settings(), name), int):
        return whole(int(low), int(high))
    return number(low, high)


def read_settings(given: Mapping[str, Field]) -> dict[str, Chosen]:
    """The chosen values among fields that are already known to be settings."""
    chosen = {}
    for name, field in given.items():
        value = reader_of(name)(field)
        if value is not None:
            whole_number = isinstance(getattr(Settings(), name), int) and not is_switch(name)
            chosen[name] = Chosen(int(value) if whole_number else value, field)
    return chosen


def build_settings(chosen: Mapping[str, Chosen], problems: Problems) -> Settings:
    """The defaults with these values in place, at true pace; broken orders are problems."""
    values = {name: choice.value for name, choice in chosen.items()}
    settings = replace(Settings(), **values)  # type: ignore[arg-type]
    for names in _IN_ORDER:
        for low, high in pairwise(names):
            if getattr(settings, low) > getattr(settings, high):
                _out_of_order(settings, low, high, chosen, problems)
    return settings


def _out_of_order(
    settings: Settings, low: str, high: str, chosen: Mapping[str, Chosen], problems: Problems
) -> None:
    """Point at the value that was chosen; the other one may be a default."""
    at = chosen.get(high) or chosen.get(low)
    if at is None:
        return
    problems.add(
        at.field.where,
        at.field.path,
        f"{low} is {_spoken(settings, low)}, above {high}, which is {_spoken(settings, high)}",
        fix=f"keep {low} at or below {high}",
    )


def _spoken(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return spoken_s(value) if name.endswith("_s") else f"{value:g}"


def _least_s(name: str) -> float:
    return _AT_LEAST_S.get(name, 0.0 if name in _MAY_BE_ZERO_S else 0.1)
