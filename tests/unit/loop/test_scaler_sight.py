"""What a step of a service is taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from everup.loop.scaler_sight import StepSights
from everup.model.load import Load
from everup.model.observation import Exit
from everup.model.settings import Settings
from everup.model.state import StackState
from tests.unit.builders import NOW_S, seen, service, up


@pytest.mark.parametrize(
    ("asked", "ready"), [({}, 3), ({"a-0": 30.0}, 1), ({"a-0": 30.0, "a-1": 0.0}, 2)]
)
def test_who_has_no_server_in_the_router_takes_no_work(
    asked: Mapping[str, float], ready: int
) -> None:
    """Else one that carries thirty seems to carry ten, and ever more would be wanted."""
    observation = seen(up("a"), up("a", 1), up("a", 2))
    load = Load(NOW_S, requests_per_s=30.0, by_instance=asked, source="router")
    services = {"a": replace(observation.services["a"], load=load)}
    look: Any = SimpleNamespace(at_s=NOW_S, observation=replace(observation, services=services))
    control: Any = SimpleNamespace(state=StackState(), settings=Settings())
    sights = StepSights()
    sights.see(look)
    sight = sights.take(service("a"), look, control)
    assert sight is not None
    assert (sight.instances, sight.ready, sight.demand) == (3, ready, 30.0)


@pytest.mark.parametrize(("versions", "deaths"), [(("1", "1"), 1), (("", "1"), 1), (("2", "1"), 0)])
def test_while_one_version_takes_anothers_place_nobody_knows_whose_limit_killed(
    versions: tuple[str, str], deaths: int
) -> None:
    control: Any = SimpleNamespace(state=StackState(), settings=Settings())
    sights = StepSights()
    for n, version in enumerate(versions):
        one = up("a")
        one = replace(one, instance=replace(one.instance, version=version))
        observation = seen(one)
        died = (Exit(NOW_S - 1.0, 137, is_out_of_memory=True),) if n else ()
        services = {"a": replace(observation.services["a"], exits=died)}
        look: Any = SimpleNamespace(
            at_s=NOW_S + n, observation=replace(observation, services=services)
        )
        sights.see(look)
    sight = sights.take(service("a"), look, control)
    assert sight is not None
    assert sight.out_of_memory == deaths
