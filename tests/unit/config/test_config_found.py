"""An everup.yaml over a project that was found: its word where it has one, all else as found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from everup.config import ConfigError, Loaded
from everup.model.kinds import ActionKind, DependencyKind, Mode
from everup.model.stack import Dependency, HookSpec, ProbeSpec, ServiceSpec, Stack

Load = Callable[..., Loaded]
HEAD = "runtime: docker\nproject: shop\n"


def found() -> Stack:
    """A project with labels of its own."""
    web = ServiceSpec(
        "web",
        probe=ProbeSpec(is_owners=True),
        depends_on=(
            Dependency("cache", DependencyKind.SOFT, 0.4, source="variable CACHE", confidence=0.7),
            Dependency("db", is_critical=True, source="depends_on"),
        ),
        modes={ActionKind.CONTAINER_RESTART: Mode.AUTO},
        hooks={"reconnect": HookSpec(command=("a",))},
    )
    services = {
        "web": web,
        "db": ServiceSpec("db", is_stateful=True),
        "cache": ServiceSpec("cache"),
    }
    return Stack("shop", services, runtime="docker")


def over(load: Load, body: str, *, is_managed: bool = False) -> Stack:
    loaded = load(HEAD + body)
    assert loaded.refinement is not None
    assert loaded.refinement.project == "shop"
    return loaded.refinement.over(found(), is_managed=is_managed)[0]


def wrong(load: Load, body: str) -> str:
    with pytest.raises(ConfigError) as caught:
        over(load, body)
    return str(caught.value)


def test_what_the_file_does_not_say_stays_as_it_was_found(load: Load) -> None:
    assert over(load, "") == found()
    assert over(load, "services: {web: }") == found()


def test_a_probe_in_its_short_form_and_single_fields(load: Load) -> None:
    stack = over(
        load,
        'services: {web: "http://{host}:80/", db: {stateful: no, thresholds: {health_score: 0.9}}}',
    )
    probe = stack.services["web"].probe
    assert probe is not None
    assert probe.http == "http://{host}:80/"
    assert not stack.services["db"].is_stateful
    assert stack.services["db"].health_threshold == 0.9
    assert stack.services["web"].depends_on == found().services["web"].depends_on


def test_bounds_of_the_file_are_its_owners_word(load: Load) -> None:
    web = over(load, "services: {web: {instances: {min: 1, max: 14}}}").services["web"]
    assert (web.min_instances, web.max_instances, web.has_bounds) == (1, 14, True)
    assert not over(load, "services: {db: }").services["db"].has_bounds


def test_edges_are_laid_over_one_by_one(load: Load) -> None:
    stack = over(load, "services: {web: {depends_on: {db: {weight: 0.3}, cache: none}}, db: }")
    (edge,) = stack.services["web"].depends_on
    assert (edge.target, edge.weight, edge.is_critical, edge.source) == (
        "db",
        0.3,
        True,
        "everup.yaml",
    )
    more = over(load, "services: {db: {depends_on: {cache: soft}}}").services["db"].depends_on
    assert [(e.target, e.kind) for e in more] == [("cache", DependencyKind.SOFT)]


def test_a_mode_is_above_what_a_label_says_of_a_single_kind(load: Load) -> None:
    web = over(load, "services: {web: {mode: observe}}").services["web"]
    assert web.mode is Mode.OBSERVE
    assert not web.modes
    web = over(load, "services: {web: {modes: {recreate: approve}}}").services["web"]
    assert set(web.modes) == {ActionKind.CONTAINER_RESTART, ActionKind.RECREATE}
    assert over(load, "modes: {recreate: auto}").modes == {ActionKind.RECREATE: Mode.AUTO}


def test_hooks_are_added_and_windows_are_taken(load: Load) -> None:
    stack = over(
        load,
        'services: {web: {hooks: {busy: [b]}, quiet_hours: {from: "01:00", to: "02:00"}}}\n'
        'maintenance: {from: "03:00", to: "04:00", services: [db]}',
    )
    assert set(stack.services["web"].hooks) == {"reconnect", "busy"}
    assert stack.quiet_hours[0].services == ("web",)
    assert stack.maintenance[0].services == ("db",)


def test_what_is_managed_by_another_is_only_observed(load: Load) -> None:
    stack = over(load, "modes: {recreate: auto}\nservices: {web: {mode: auto}}", is_managed=True)
    assert stack.modes == {}
    assert stack.services["web"].mode is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("services: {wev: }", "is no service of project 'shop'; did you mean 'web'?"),
        ("services: {web: {depends_on: [dbb]}}", "did you mean 'db'?"),
        ("services: {web: {command: x}}", "the container's own to say"),
        ("services: {web: {stop: {signal: TERM}}}", "write stop_signal in the Compose file"),
        ("services: {web: {instances: 2}}", "scale it with Compose"),
        ("services: {web: {instances: {min: 2, max: 3}}}", "does not hold the 1 that there are"),
        ("services: {db: {quarantine: 60}}", "two owners of the data"),
        ('maintenance: {from: "03:00", to: "04:00", services: [dbb]}', "did you mean 'db'?"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(load: Load, body: str, said: str) -> None:
    text = wrong(load, body)
    assert said in text
    assert "everup.yaml:" in text


def test_all_mistakes_are_said_at_once(load: Load) -> None:
    assert wrong(load, "services: {wev: , web: {command: x}}").startswith("2 problems")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stack: a\nproject: b\nservices: [web]", "means something for runtime: docker alone"),
        ("stack: a\nservices: {web: {depends_on: {db: none}}, db: }", "leave it out"),
    ],
)
def test_a_stack_that_is_declared_knows_none_of_it(load: Load, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(text)


def test_beside_project_a_file_needs_no_runtime_and_may_not_name_another(load: Load) -> None:
    assert load("services: {web: }", is_found=True).refinement is not None
    with pytest.raises(ConfigError, match="stands in the way of --project"):
        load("stack: a\nruntime: processes\nservices: {web: }", is_found=True)
