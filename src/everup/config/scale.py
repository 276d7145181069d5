"""A stack at another pace: what services declare in seconds, scaled like the settings.

Called by `Loaded.scaled`, so that one `time_scale` moves everything together. Declarations keep
their true pace everywhere else.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.sizing import ScalingSpec
from everup.model.stack import HookSpec, ProbeSpec, ServiceSpec, Stack

TIMEOUT_LEAST_S = 1.0
"""A network answers no faster because a test is in a hurry: timeouts are not scaled below this."""


def scale_stack(stack: Stack, time_scale: float) -> Stack:
    """The same stack with every declared duration times `time_scale`.

    Probe timeouts never go under one second by scaling; one that was declared shorter stays.
    Hook timeouts bound an owner's own work, whose pace is not ours, and only ever grow.

    Raises:
        ValueError: the scale is not above 0.
    """
    if not time_scale > 0:
        raise ValueError(f"time_scale must be above 0, got {time_scale!r}")
    services = {name: _service(spec, time_scale) for name, spec in stack.services.items()}
    return replace(stack, services=services)


def _service(spec: ServiceSpec, time_scale: float) -> ServiceSpec:
    return replace(
        spec,
        probe=None if spec.probe is None else _probe(spec.probe, time_scale),
        start_period_s=spec.start_period_s * time_scale,
        recovery_most_s=spec.recovery_most_s * time_scale,
        busy_most_s=spec.busy_most_s * time_scale,
        quarantine_s=spec.quarantine_s * time_scale,
        stop=replace(spec.stop, grace_s=spec.stop.grace_s * time_scale),
        hooks={name: _hook(hook, time_scale) for name, hook in spec.hooks.items()},
        scaling=None if spec.scaling is None else _scaling(spec.scaling, time_scale),
    )


def _probe(spec: ProbeSpec, time_scale: float) -> ProbeSpec:
    if spec.is_owners:  # somebody else asks, at a pace of their own
        return spec
    timeout_s = spec.timeout_s * time_scale
    if time_scale < 1:
        timeout_s = max(timeout_s, min(spec.timeout_s, TIMEOUT_LEAST_S))
    return replace(spec, interval_s=spec.interval_s * time_scale, timeout_s=timeout_s)


def _hook(spec: HookSpec, time_scale: float) -> HookSpec:
    return replace(spec, timeout_s=spec.timeout_s * max(time_scale, 1.0))


def _scaling(spec: ScalingSpec, time_scale: float) -> ScalingSpec:
    """What is asked of answers stays: real services give them at their own pace."""
    return replace(spec, idle_s=spec.idle_s * time_scale)
