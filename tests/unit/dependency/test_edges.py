"""Edges as they are seen, learned and reviewed."""

from __future__ import annotations

from everup.dependency_monitor import edges_of, if_it_fails, review, tallies_of, with_seen
from everup.model.edges import KnownEdge
from everup.model.kinds import DependencyKind, is_known
from everup.model.propagation import Tally
from everup.model.stack import Dependency, Stack
from tests.unit.builders import service, stack

SEEN = KnownEdge(10.0, 20.0)


def shop() -> Stack:
    guessed = Dependency("cache", DependencyKind.HARD, 0.6, source="environment X", confidence=0.6)
    return stack(
        service("db"),
        service("cache"),
        service("api", depends_on=(Dependency("db"), guessed)),
        service("web", depends_on=(Dependency("api"),)),
    )


def test_what_is_only_seen_is_soft_and_never_hard() -> None:
    known = {"web": {"db": SEEN, "gone": SEEN, "web": SEEN}}
    edges = {(e.service, e.target): e for e in edges_of(shop(), known)}
    only_seen = edges["web", "db"]
    assert (only_seen.kind, only_seen.is_declared) == (DependencyKind.SOFT, False)
    assert only_seen.source == "observed traffic"
    assert ("web", "gone") not in edges
    assert ("web", "web") not in edges
    assert not is_known(edges["web", "api"].last_seen_s)


def test_a_declared_edge_that_is_seen_is_surer_and_keeps_its_weight() -> None:
    known = {"api": {"cache": SEEN, "db": SEEN}}
    edges = {(e.service, e.target): e for e in edges_of(shop(), known)}
    assert 0.6 < edges["api", "cache"].confidence < 1.0
    assert edges["api", "cache"].weight == 0.6
    assert edges["api", "cache"].source == "environment X, observed traffic"
    assert edges["api", "db"].confidence == 1.0


def test_the_review_lists_both_kinds_and_says_where_nobody_could_look() -> None:
    known = {"web": {"db": SEEN}, "api": {"db": KnownEdge(5.0, 20.0)}}
    found = review(shop(), known, {"api": "hidden", "cache": "hidden"})
    assert found.since_s == 5.0
    assert [(e.service, e.target, e.why) for e in found.never_seen] == [
        ("api", "cache", "api: hidden"),
        ("web", "api", ""),
    ]
    assert [(e.service, e.target) for e in found.undeclared] == [("web", "db")]
    assert found.cycles == ()


def test_circles_are_reported() -> None:
    round_about = stack(
        service("a", depends_on=(Dependency("b"),)), service("b", depends_on=(Dependency("a"),))
    )
    assert review(round_about, {}, {}).cycles == (("a", "b"),)


def test_what_was_learned_counts_in_what_if() -> None:
    known = {"api": {"db": KnownEdge(tally=Tally(hurt=0.0, spared=16.0))}}
    edges = {(e.service, e.target): e for e in edges_of(shop(), known)}
    assert edges["api", "db"].learned == 4.0 / 20.0
    assert edges["api", "db"].episodes == 16.0
    before = if_it_fails(shop(), "db")
    after = if_it_fails(with_seen(shop(), known), "db", tallies_of(known))
    assert after.expected < before.expected
