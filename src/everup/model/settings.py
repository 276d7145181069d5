"""Every constant of time and count in one value, with its default and where the default comes from.

Tests and demos scale all times together with `scaled`; no code path knows that it was scaled.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Settings:
    """Knobs of the loop, the gate and the verifier. Names end in their unit.

    Sources of the defaults: thresholds from Docker and Kubernetes probes; backoff from the kubelet
    and Nomad; restart budget from systemd and Nomad; mass-failure freeze from MachineHealthCheck,
    Kubernetes zones and Envoy; rate from Kubernetes eviction; cooldowns from the users' own table;
    breakers from Envoy, resilience4j and Polly; scaling from the Kubernetes autoscalers.
    """

    # three clocks
    sample_interval_s: float = 5.0
    close_sample_interval_s: float = 1.0
    calm_canary_interval_s: float = 30.0
    probe_timeout_s: float = 2.0
    tick_s: float = 30.0
    # assess
    health_threshold: float = 0.7
    failure_threshold: int = 3
    success_threshold: int = 2
    hang_lasts_s: float = 8.0
    busy_lasts_s: float = 60.0
    host_pressure_ratio: float = 0.8
    crash_loop_exits: int = 3
    crash_loop_window_s: float = 300.0
    connections_interval_s: float = 30.0
    start_period_unknown_s: float = 60.0
    # predict
    prediction_horizon_s: float = 900.0
    prediction_acts_above: float = 0.7
    prediction_again_s: float = 86_400.0
    trend_least_s: float = 60.0
    memory_pressure_lasts_s: float = 30.0
    slow_lasts_s: float = 60.0
    strain_escalates_s: float = 300.0
    certificate_told_s: float = 259_200.0
    tuning_enabled: bool = True
    tuning_interval_s: float = 86_400.0
    miss_costs: int = 1
    recovery_most_s: float = 1800.0
    recovery_silent_most_s: float = 600.0
    # train
    anomaly_row_s: float = 300.0
    training_enabled: bool = True
    training_interval_s: float = 604_800.0
    training_first_s: float = 172_800.0
    training_days: int = 14
    training_rows_most: int = 500_000
    training_most_s: float = 1800.0
    # ladders
    graceful_restart_below: float = 0.4
    container_restart_below: float = 0.3
    rollback_below: float = 0.2
    rollback_enabled: bool = True
    rollback_window_s: float = 3600.0
    probation_s: float = 300.0
    cache_clear_memory_above: float = 0.85
    stateful_wait_s: float = 60.0
    stateful_grace_s: float = 60.0
    natural_ends_least: int = 5
    natural_wait_most_s: float = 300.0
    busy_most_s: float = 3600.0
    # gate
    cooldown_s: float = 300.0
    cache_clear_cooldown_s: float = 180.0
    rollback_cooldown_s: float = 600.0
    backoff_first_s: float = 10.0
    backoff_most_s: float = 300.0
    backoff_jitter: float = 0.25
    backoff_reset_s: float = 600.0
    budget_actions: int = 5
    budget_window_s: float = 300.0
    budget_per_incident: int = 3
    rate_interval_s: float = 10.0
    rate_burst: int = 3
    blast_ratio: float = 0.10
    mass_failure_ratio: float = 0.40
    mass_failure_least: int = 3
    mass_failure_window_s: float = 60.0
    startup_hold_s: float = 60.0
    first_hold_s: float = 0.0
    change_quiet_s: float = 10.0
    change_most_s: float = 300.0
    freeze_notify_s: float = 600.0
    journal_fault_notify_s: float = 60.0
    headroom_ratio: float = 0.15
    headroom_bytes: int = 512 * 1024 * 1024
    auto_scaling_enabled: bool = True
    # act and verify
    action_deadline_s: float = 120.0
    approval_lives_s: float = 900.0
    lease_s: float = 15.0
    verify_window_s: float = 10.0
    verify_probes: int = 3
    verify_deadline_s: float = 90.0
    request_lives_s: float = 60.0
    # router
    drain_most_s: float = 30.0
    drain_sick_most_s: float = 2.0
    router_hold_most_s: float = 900.0
    slow_start_s: float = 30.0
    router_weights_enabled: bool = True
    # when a dependency is not called any more
    breaker_failures: int = 5
    breaker_failure_ratio: float = 0.5
    breaker_slow_ratio: float = 1.0
    breaker_slow_s: float = 60.0
    breaker_calls_least: int = 20
    breaker_window_s: float = 30.0
    breaker_open_s: float = 30.0
    breaker_open_most_s: float = 300.0
    breaker_jitter: float = 0.1
    breaker_trial_s: float = 30.0
    breaker_forget_s: float = 600.0
    # mitigations
    mitigation_risk_above: float = 0.25
    mitigation_gain_least: float = 0.05
    mitigation_wait_s: float = 20.0
    isolation_wait_s: float = 60.0
    mitigation_calm_s: float = 60.0
    mitigation_most_s: float = 900.0
    # scale
    scale_interval_s: float = 15.0
    scale_lookahead_s: float = 900.0
    scale_down_window_s: float = 300.0
    scale_tolerance: float = 0.10
    scale_up_most_ratio: float = 2.0
    scale_up_most_count: int = 4
    scale_flaps_most: int = 6
    scale_undo_windows: int = 2
    scale_shortage_costs: float = 100.0
    scale_hand_s: float = 3600.0
    resize_window_s: float = 86_400.0
    resize_tolerance: float = 0.10
    resize_half_life_s: float = 86_400.0
    # bounds
    history_slots: int = 240
    history_days: int = 14
    history_total_bytes: int = 1024 * 1024 * 1024
    journal_days: int = 400
    journal_total_bytes: int = 1024 * 1024 * 1024
    journal_prune_interval_s: float = 3600.0
    snapshots_most: int = 10
    snapshot_interval_s: float = 1800.0
    snapshot_before_most_s: float = 2.0
    snapshot_verify_interval_s: float = 86_400.0
    pinned_images_total_bytes: int = 20 * 1024 * 1024 * 1024
    evidence_bytes: int = 256 * 1024
    log_file_bytes: int = 10 * 1024 * 1024
    log_files: int = 5
    gap_ticks: int = 3
    pending_entries_most: int = 1000
    evidence_log_lines: int = 40
    evidence_deadline_s: float = 2.0
    time_scale: float = 1.0

    def scaled(self, time_scale: float) -> Settings:
        """The same settings at another pace: 0.2 makes everything five times as fast.

        A network answers no faster because a test is in a hurry, so probe timeouts and the time
        for evidence never go under one second.

        Raises:
            ValueError: the scale is not above 0.
        """
        if not time_scale > 0:
            raise ValueError(f"time_scale must be above 0, got {time_scale!r}")
        changes: dict[str, float] = {
            f.name: getattr(self, f.name) * time_scale
            for f in fields(self)
            if f.name.endswith("_s")
        }
        changes["time_scale"] = self.time_scale * time_scale
        if time_scale < 1:
            for name in ("probe_timeout_s", "evidence_deadline_s"):
                changes[name] = max(changes[name], min(getattr(self, name), 1.0))
            changes["training_most_s"] = self.training_most_s  # nor does a processor compute faster
        return replace(self, **changes)  # type: ignore[arg-type]

    def is_break(self, gap_s: float) -> bool:
        """Does so much time between two looks break history: a suspend, a clock that jumped, also
        one that went back?"""
        return not 0.0 <= gap_s <= self.gap_ticks * self.tick_s

    @property
    def two_windows_s(self) -> float:
        """How long a healed root must hold before its victims may be touched."""
        return 2 * self.verify_window_s
