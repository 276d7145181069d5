"""A stack at another pace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config import scale_stack
from everup.model.stack import HookSpec, ProbeSpec, ServiceSpec, Stack, StopSpec


def stack_with(timeout_s: float = 2.0) -> Stack:
    probe = ProbeSpec(tcp="127.0.0.1:1", interval_s=5.0, timeout_s=timeout_s)
    hooks = {"busy": HookSpec(command=("x",), timeout_s=30.0)}
    one = ServiceSpec(
        "one",
        probe=probe,
        start_period_s=10.0,
        stop=StopSpec(grace_s=10.0),
        hooks=hooks,
        quarantine_s=600.0,
    )
    return Stack("s", {"one": one, "bare": ServiceSpec("bare")})


def test_declared_durations_move_together() -> None:
    one = scale_stack(stack_with(), 0.2).services["one"]
    assert one.probe is not None
    assert (one.probe.interval_s, one.start_period_s, one.stop.grace_s) == (1.0, 2.0, 2.0)
    assert one.hooks["busy"].timeout_s == 30.0
    assert one.quarantine_s == 120.0
    assert scale_stack(stack_with(), 3).services["one"].hooks["busy"].timeout_s == 90.0


@given(st.floats(0.01, 100), st.floats(0.1, 300))
def test_scaling_never_takes_a_timeout_below_a_second(scale: float, timeout_s: float) -> None:
    probe = scale_stack(stack_with(timeout_s), scale).services["one"].probe
    assert probe is not None
    assert probe.timeout_s >= min(timeout_s, 1.0)
    assert probe.timeout_s <= max(timeout_s * scale, min(timeout_s, 1.0))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_is_above_zero(scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        scale_stack(stack_with(), scale)


def test_whoever_asks_at_a_pace_of_their_own_keeps_it() -> None:
    own = ProbeSpec(is_owners=True, interval_s=30.0, timeout_s=5.0)
    stack = Stack("s", {"one": ServiceSpec("one", probe=own)})
    assert scale_stack(stack, 0.2).services["one"].probe == own
