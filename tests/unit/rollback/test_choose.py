"""What can be gone back to, what is worth keeping, and what a person is shown of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.fold import fold
from everup.model.entries import VersionSeen
from everup.model.observation import InstanceObservation, Observation, ServiceObservation
from everup.model.runtime import Captured
from everup.model.safe_point import SafePoint
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import Memory, ServiceMemory, ServiceState, StackState
from everup.rollback_manager import NoWayBack, differences, way_back, worth_keeping
from tests.unit.builders import NOW_S, SETTINGS, assess, dead, failing, service, stack, up

OLD, NEW = "1:old.a", "1:new.a"


def point(version: str = OLD) -> SafePoint:
    return SafePoint("a", version, f"image {version}", NOW_S - 500, instances=1)


def remembered(version: str = NEW, *points: SafePoint, **changes: object) -> ServiceState:
    known = ServiceState(version=version, changed_at_s=NOW_S - 30, safe_points=points)
    return replace(known, **changes)  # type: ignore[arg-type]


class TestWayBack:
    def test_the_newest_other_version(self) -> None:
        known = remembered(NEW, point("1:older.a"), point(OLD))
        assert way_back(service("a"), known, SETTINGS) == point(OLD)

    def test_from_a_safe_one_to_the_one_before(self) -> None:
        known = remembered(OLD, point("1:older.a"), point(OLD))
        assert way_back(service("a"), known, SETTINGS) == point("1:older.a")

    @pytest.mark.parametrize(
        ("spec", "known", "settings", "said"),
        [
            (service("a"), remembered(OLD, point(OLD)), SETTINGS, "nothing has changed"),
            (service("a"), remembered(NEW), SETTINGS, "was not seen to be well"),
            (service("a"), remembered("", point()), SETTINGS, "was not seen yet"),
            (
                service("a"),
                remembered(NEW, point()),
                replace(SETTINGS, rollback_enabled=False),
                "switched off",
            ),
            (service("a", is_stateful=True), remembered(NEW, point()), SETTINGS, "keeps data"),
        ],
    )
    def test_or_it_says_why_not(
        self, spec: ServiceSpec, known: ServiceState, settings: Settings, said: str
    ) -> None:
        found = way_back(spec, known, settings)
        assert isinstance(found, NoWayBack)
        assert said in found.reason

    def test_what_keeps_data_where_that_is_declared_safe(self) -> None:
        spec = service("a", is_stateful=True, rollback_is_safe=True)
        assert way_back(spec, remembered(NEW, point()), SETTINGS) == point()


class TestAnotherScheme:
    """Where versions are counted otherwise than then, what was kept is no way back."""

    NOW = "3-aaaaaa:new.a"

    def test_what_was_kept_then_is_none_and_it_says_why(self) -> None:
        known = remembered(self.NOW, point("2:older.a"), point("2:old.a"))
        assert known.ways_back == ()
        assert not known.has_other_version
        assert not known.unproven_since_s >= 0
        found = way_back(service("a"), known, SETTINGS)
        assert isinstance(found, NoWayBack)
        assert found.name == "not_comparable"
        assert "version.key" in found.reason

    def test_also_where_the_number_is_another_one(self) -> None:
        known = remembered(self.NOW, point("2:old.a"), counted=3, recounted_at_s=NOW_S - 20)
        assert not known.has_other_number
        assert isinstance(way_back(service("a"), known, SETTINGS), NoWayBack)

    def test_what_was_kept_since_is_one_whatever_lies_before_or_after_it(self) -> None:
        since = point("3-aaaaaa:old.a")
        for points in ((point("2:old.a"), since), (since, point("3-bbbbbb:old.a"))):
            known = remembered(self.NOW, *points)
            assert known.ways_back == (since,)
            assert known.has_other_version
            assert way_back(service("a"), known, SETTINGS) == since

    def test_its_title_alone_is_no_difference(self) -> None:
        then = Captured("a", {"env": {"A": "1"}}, "2:x", title="configuration 0a1b")
        now = replace(then, version="3-aaaaaa:y", title="configuration 2c3d")
        assert list(differences(then, now)) == []
        other = replace(now, content={"env": {"A": "2"}})
        assert "env.A: another value" in differences(then, other)
        assert "runs from: configuration 2c3d → configuration 0a1b" in differences(then, other)


def well(version: str = NEW, *, for_s: float = 60.0) -> InstanceObservation:
    one = up("a")
    assert one.probe is not None
    return replace(
        one,
        instance=replace(one.instance, version=version, started_at_s=NOW_S - for_s),
        probe=replace(one.probe, since_s=NOW_S - for_s),
    )


def keep(
    *instances: InstanceObservation,
    spec: ServiceSpec | None = None,
    known: ServiceState | None = None,
    healthy_s: float = 60.0,
    **changes: object,
) -> list[tuple[str, str]]:
    what: Stack = stack(spec or service("a"))
    seen = Observation(NOW_S, {"a": ServiceObservation("a", instances)})
    seen = replace(seen, **changes)  # type: ignore[arg-type]
    state = StackState(services={"a": known or remembered(NEW, point())})
    memory = Memory({"a": ServiceMemory(healthy_since_s=NOW_S - healthy_s)})
    return list(worth_keeping(what, seen, assess(what, seen, state), state, memory, SETTINGS))


class TestWorthKeeping:
    def test_what_is_new_and_well_for_two_windows(self) -> None:
        assert keep(well()) == [("a", NEW)]

    def test_not_before_its_probation_is_over(self) -> None:
        assert keep(well(for_s=19.0)) == []
        assert keep(well(), healthy_s=19.0) == []

    def test_not_what_is_kept_already(self) -> None:
        assert keep(well(), known=remembered(NEW, point(NEW))) == []

    def test_what_is_well_again_after_a_newer_one(self) -> None:
        assert keep(well(OLD), known=remembered(OLD, point(OLD), point(NEW))) == [("a", OLD)]

    @pytest.mark.parametrize("sick", [dead("a"), failing("a"), failing("a", times=1)])
    def test_not_what_is_ill(self, sick: InstanceObservation) -> None:
        assert keep(replace(sick, instance=replace(sick.instance, version=NEW))) == []

    def test_not_two_versions_side_by_side(self) -> None:
        other = replace(well(), instance=replace(well().instance, name="a-1", version=OLD))
        assert keep(well(), other, spec=service("a", instances=2)) == []

    def test_not_while_somebody_changes_it(self) -> None:
        assert keep(well(), changes={"a": NOW_S - 5}) == []

    def test_not_what_nobody_can_tell_apart(self) -> None:
        assert keep(well(""), known=remembered("")) == []

    def test_without_a_probe_it_must_live_for_as_long_as_a_start_may_take(self) -> None:
        spec = service("a", probe=None)
        young = replace(well(for_s=59.0), probe=None)
        assert keep(young, spec=spec, healthy_s=100.0) == []
        assert keep(replace(well(for_s=61.0), probe=None), spec=spec, healthy_s=100.0) == [
            ("a", NEW)
        ]


class TestDifferences:
    def test_image_and_settings_by_path_and_values_of_the_environment_never(self) -> None:
        now = Captured(
            "a",
            {
                "image": "app:latest",
                "env": {"TOKEN": "secret-2", "NEW": "secret-3", "SAME": "x"},
                "host": {"Memory": 64, "Binds": None},
            },
            title="app:latest (222222222222)",
        )
        kept = Captured(
            "a",
            {
                "image": "sha256:111",
                "env": {"TOKEN": "secret-1", "GONE": "secret-0", "SAME": "x"},
                "host": {"Memory": 128, "Binds": []},
            },
            title="app:latest (111111111111)",
        )
        lines = list(differences(kept, now))
        assert lines == [
            "runs from: app:latest (222222222222) → app:latest (111111111111)",
            "env.GONE: comes back",
            "env.NEW: goes away",
            "env.TOKEN: another value",
            "host.Memory: 64 → 128",
        ]
        assert "secret" not in repr((lines, kept, now))

    def test_equals_differ_in_nothing(self) -> None:
        one = Captured("a", {"env": {"A": "1"}}, title="t")
        assert list(differences(one, one)) == []


def test_versions_of_another_scheme_are_no_change() -> None:
    state = fold(StackState(), VersionSeen(1.0, "a", "1:x"))
    assert not state.service("a").changed_at_s >= 0
    state = fold(state, VersionSeen(2.0, "a", "1:y", "1:x"))
    assert state.service("a").changed_at_s == 2.0
    state = fold(state, VersionSeen(3.0, "a", "2:z", ""))
    assert not state.service("a").changed_at_s >= 0
