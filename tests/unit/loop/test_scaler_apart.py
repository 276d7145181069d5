"""One service's trouble is not another's, one axis' change not the other's, and a gap is a gap."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.scaler import _thought
from everup.loop.scaler_may import allowed
from everup.model.kinds import ActionKind, Cause, Origin, is_known
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.scaling import Spread
from everup.model.settings import Settings
from everup.model.state import PastAction, ServiceState, StackState
from tests.unit.builders import NOW_S, seen, service, stack, up
from tests.unit.loop.scaler_world import WEB, ScalerWorld


def test_what_goes_wrong_with_one_service_holds_up_no_other() -> None:
    def flawed(_: int) -> None:
        raise ArithmeticError("a flaw of ours")

    work: Any = [
        SimpleNamespace(name="a", opinion=flawed),
        SimpleNamespace(name="b", opinion=lambda steps: f"after {steps}"),
    ]
    thought = _thought(work)
    assert {n: str(o) for n, o in thought.opinions.items()} == {"b": "after 4"}
    assert list(thought.errors) == ["a"]


def test_it_is_said_and_nothing_of_it_is_changed() -> None:
    world = ScalerWorld(lambda _: 180.0)

    def spoil(_: Any) -> None:
        scaler: Any = world.control.scaler.scaler(WEB)
        scaler.think = None

    said: list[str] = []

    def forgive(_: Any) -> None:
        said.append(world.control.scaler.fault)
        said.append(str(dict(world.control.scaler.opinions)))
        world.control.mishaps.total.clear()

    world.run(lambda: world.live(600.0, at=((100.0, spoil), (599.0, forgive))))
    assert f"the size of {WEB} could not be thought over" in said[0]
    assert said[1] == "{}"


def past(kind: ActionKind, origin: Origin) -> PastAction:
    begun_s, ended_s = NOW_S - 20.0, NOW_S - 10.0
    return PastAction(
        *("act-1", "a", kind, origin, Cause.DEMAND, begun_s, ended_s),
        has_passed=True,
        on_running=True,
    )


@pytest.mark.parametrize(
    ("has_bounds", "origin", "is_held"),
    [(True, Origin.SCALING, False), (True, Origin.PERSON, True), (False, Origin.SCALING, True)],
)
def test_a_memory_limit_that_we_raised_is_no_change_of_processors(
    origin: Origin, *, has_bounds: bool, is_held: bool
) -> None:
    """Where the number follows demand we change no processors: more instances are not held up."""
    spec = service("a", spread=Spread.ROUTER, max_instances=4, has_bounds=has_bounds)
    remembered = ServiceState(past=(past(ActionKind.SCALE_UP, origin),))
    control = SimpleNamespace(
        stack=stack(spec),
        settings=Settings(),
        state=StackState(services={"a": remembered}),
        runtime=SimpleNamespace(manifest=RuntimeManifest("x", frozenset(Capability))),
    )
    look = SimpleNamespace(at_s=NOW_S, observation=seen(up("a")))
    found = allowed(cast(Any, control), cast(Any, look), spec)
    assert is_known(found.cpus_changed_s) is is_held
    assert found.memory_changed_s == NOW_S - 10.0
    assert not is_known(found.count_changed_s)
