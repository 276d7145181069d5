"""Suspects and doubts: roots before victims, the unseen named, nobody touched in doubt."""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import Relations
from everup.model.kinds import DependencyKind, ProbeVerdict
from everup.model.observation import InstanceObservation, Observation
from everup.model.stack import Dependency, Stack
from tests.unit.builders import NOW_S, assess, dead, failing, seen, service, stack, up

SHOP = stack(
    service("db"), service("api", "db"), service("web", "api"), service("job", "db"), service("x")
)


def relations(what: Stack, observation: Observation) -> Relations:
    return assess(what, observation).relations


def unread(name: str) -> InstanceObservation:
    good = up(name)
    assert good.probe is not None
    return replace(good, probe=replace(good.probe, verdict=ProbeVerdict.UNKNOWN))


def asked_before(name: str, ago_s: float) -> InstanceObservation:
    good = up(name)
    assert good.probe is not None
    return replace(good, probe=replace(good.probe, at_s=NOW_S - ago_s))


def test_the_root_leads_and_names_its_victims() -> None:
    found = relations(
        SHOP,
        seen(dead("db"), failing("api"), failing("web"), failing("job"), up("x")),
    ).suspects
    assert found[0].service == "db"
    assert found[0].victims == ("api", "job", "web")
    assert found[0].probability > 0.9
    assert "would explain 3 more" in found[0].reason


def test_two_independent_faults_are_both_there() -> None:
    found = relations(SHOP, seen(dead("db"), failing("api"), up("web"), up("job"), dead("x")))
    assert [s.service for s in found.suspects[:2]] == ["db", "x"]


def test_one_that_cannot_be_seen_is_named_when_those_who_need_it_suffer() -> None:
    watched = seen(unread("db"), failing("api"), failing("web"), failing("job"), up("x"))
    found = relations(SHOP, watched)
    assert found.suspects[0].service == "db"
    assert not found.suspects[0].is_seen


def test_one_that_cannot_be_seen_is_not_accused_of_what_nobody_suffers() -> None:
    found = relations(SHOP, seen(unread("db"), up("api"), up("web"), up("job"), dead("x")))
    assert [s.service for s in found.suspects][:1] == ["x"]


def test_a_single_failed_answer_is_hardly_a_suspect() -> None:
    blip = failing("x", for_s=0.0, times=1)
    found = relations(SHOP, seen(failing("db"), up("api"), up("web"), up("job"), blip))
    assert found.suspects[0].service == "db"
    assert all(s.probability < 0.3 for s in found.suspects if s.service == "x")


def test_a_change_raises_the_odds() -> None:
    watched = seen(failing("db"), up("api"), up("web"), up("job"), failing("x"))
    changed = replace(watched, changes={"x": NOW_S - 300.0})
    found = relations(SHOP, changed).suspects
    assert found[0].service == "x"
    assert "somebody changed it" in found[0].reason


def test_nothing_wrong_nobody_suspected() -> None:
    assert relations(SHOP, seen(*(up(n) for n in SHOP.services))).suspects == ()


class TestDoubts:
    """`relate` leaves alone who may be a victim after all."""

    def confirmed(self, what: Stack, observation: Observation) -> list[str]:
        found = relations(what, observation)
        return [r for r in found.roots if found.findings[r].is_confirmed]

    def test_a_need_that_was_not_asked_since(self) -> None:
        soft = (Dependency("a", DependencyKind.SOFT),)
        two = stack(service("a"), service("b", depends_on=soft))
        old, fresh = asked_before("a", 40.0), asked_before("a", 5.0)
        assert self.confirmed(two, seen(old, failing("b", for_s=30))) == []
        found = relations(two, seen(old, failing("b", for_s=30))).findings["b"]
        assert "left alone: a, which it uses, was not seen since" in found.reason
        assert self.confirmed(two, seen(fresh, failing("b", for_s=30))) == ["b"]

    def test_a_soft_need_that_fell_just_before(self) -> None:
        soft = (Dependency("a", DependencyKind.SOFT),)
        two = stack(service("a"), service("b", depends_on=soft))
        assert self.confirmed(two, seen(failing("a", for_s=60), failing("b", for_s=30))) == ["a"]
        long_ago = seen(failing("a", for_s=900), failing("b", for_s=30))
        assert self.confirmed(two, long_ago) == ["a", "b"]
        later = seen(failing("a", for_s=20), failing("b", for_s=200))
        assert self.confirmed(two, later) == ["a", "b"]

    def test_a_circle_that_fell_together(self) -> None:
        ring = stack(service("a", "b"), service("b", "a"))
        assert self.confirmed(ring, seen(failing("a", for_s=30), failing("b", for_s=28))) == []
        assert self.confirmed(ring, seen(failing("a", for_s=90), failing("b", for_s=28))) == ["a"]

    def test_no_doubt_lasts_for_ever_and_proof_is_beyond_it(self) -> None:
        soft = (Dependency("a", DependencyKind.SOFT),)
        two = stack(service("a"), service("b", depends_on=soft))
        stale = asked_before("a", 1000.0)
        assert self.confirmed(two, seen(stale, failing("b", for_s=900))) == ["b"]
        stuck = failing("b", letter="T", idle=True, for_s=30)
        assert self.confirmed(two, seen(asked_before("a", 40.0), stuck)) == ["b"]
