"""Propagation: exact against by hand and by listing, drawn within its error; paths; what if."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.dependency_monitor.cascade import cascade_risk, single_points
from everup.dependency_monitor.paths import HOPS_MOST, PATHS_KEPT, failure_paths
from everup.dependency_monitor.reach import reach, what_if
from everup.dependency_monitor.worlds import EXACT_MOST, wire, worlds_of
from everup.model.propagation import FaultModel, Link

CHAIN = FaultModel(
    ("db", "api", "web"),
    (Link("api", "db", 0.5, 10.0), Link("web", "api", 0.5, 5.0), Link("web", "db", 0.2, 60.0)),
    {"db": 0.4},
)


def many(count: int = 40, seed: int = 1, circle: bool = False) -> FaultModel:
    draw = np.random.default_rng(seed)
    names = tuple(f"s{i}" for i in range(count))
    links = [
        Link(names[i], names[int(draw.integers(0, i))], float(draw.uniform(0.1, 0.9)))
        for i in range(1, count)
        for _ in range(2)
    ]
    if circle:
        links.append(Link(names[0], names[-1], 0.5))
    return FaultModel(names, tuple(links), {n: float(draw.uniform(0, 0.1)) for n in names})


def by_hand(model: FaultModel) -> tuple[dict[str, float], float]:
    """Lists every world, plainly."""
    hurt = dict.fromkeys(model.services, 0.0)
    anybody = 0.0
    sure = [*(k.probability for k in model.links), *(model.own_failure.get(n, 0.0) for n in hurt)]
    for world in itertools.product((False, True), repeat=len(sure)):
        weight = 1.0
        for is_on, chance in zip(world, sure, strict=True):
            weight *= chance if is_on else 1.0 - chance
        if weight == 0.0:
            continue
        own = dict(zip(hurt, world[len(model.links) :], strict=True))
        ill = {n for n in hurt if own[n]}
        for _ in hurt:
            for link, is_on in zip(model.links, world, strict=False):
                if is_on and link.target in ill:
                    ill.add(link.dependent)
        victims = {n for n in ill if not own[n]}
        anybody += weight * bool(victims)
        for name in victims:
            hurt[name] += weight
    return hurt, anybody


chances = st.floats(0.0, 1.0)
small_models = st.builds(
    lambda pairs, weights, own: FaultModel(
        ("a", "b", "c", "d"),
        tuple(Link(x, y, w) for (x, y), w in zip(pairs, weights, strict=False) if x != y),
        dict(zip("abcd", own, strict=False)),
    ),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=5, unique=True),
    st.lists(chances, min_size=5, max_size=5),
    st.lists(chances, min_size=4, max_size=4),
)


@settings(max_examples=60)
@given(small_models)
def test_what_is_small_is_exact_circles_too(model: FaultModel) -> None:
    risk = cascade_risk(model)
    hurt, anybody = by_hand(model)
    assert risk.error == 0.0
    assert risk.stack == pytest.approx(anybody, abs=1e-9)
    for name, chance in hurt.items():
        assert risk.services[name] == pytest.approx(chance, abs=1e-9)


def test_a_chain_by_hand() -> None:
    risk = cascade_risk(CHAIN)
    assert risk.services == pytest.approx({"db": 0.0, "api": 0.2, "web": 0.4 * 0.4})
    assert risk.expected == pytest.approx(0.36)
    assert risk.stack == pytest.approx(0.4 * (1 - 0.5 * 0.8))


def test_what_if_says_who_by_which_way_and_how_soon() -> None:
    found = what_if(CHAIN, "db")
    api, web = found.suffering
    assert (api.service, api.probability, api.delay_s) == ("api", 0.5, 10.0)
    assert web.by == ("db", "api", "web")
    assert (web.delay_s, web.soonest_s) == (15.0, 15.0)
    assert web.probability == pytest.approx(0.4)
    assert what_if(CHAIN, "web").suffering == ()
    with pytest.raises(KeyError):
        what_if(CHAIN, "nobody")


@pytest.mark.parametrize("circle", [False, True])
def test_drawn_numbers_come_near_the_truth_and_are_repeated_by_their_seed(circle: bool) -> None:
    model = many(circle=circle)
    risk, again = cascade_risk(model, seed=3), cascade_risk(model, seed=3)
    assert risk == again
    assert 0.0 < risk.error < 0.02
    best = cascade_risk(model, seed=9, worlds=200_000)
    for name, chance in risk.services.items():
        assert chance == pytest.approx(best.services[name], abs=5 * risk.error)
    assert worlds_of(model, 100, 1).count == 128


@settings(max_examples=30)
@given(st.integers(0, 1000), st.booleans())
def test_more_failures_never_lower_a_reach_and_all_are_probabilities(
    seed: int, circle: bool
) -> None:
    model = many(20, seed, circle)
    known = reach(model, seed)
    assert ((known.hurt >= 0) & (known.hurt <= 1)).all()
    assert (np.diag(known.hurt) == 1.0).all()
    fewer = FaultModel(model.services, model.links[1:], model.own_failure)
    assert len([k for k in model.links if 0 < k.probability < 1]) > EXACT_MOST
    gone = model.links[0]
    if all((k.dependent, k.target) != (gone.dependent, gone.target) for k in fewer.links):
        assert reach(fewer, seed).of(gone.dependent, gone.target) <= 1.0


def test_a_stack_without_services_or_links_has_no_risk() -> None:
    assert cascade_risk(FaultModel((), ())).services == {}
    lonely = cascade_risk(FaultModel(("a",), (Link("a", "gone", 0.5),), {"a": 1.0}))
    assert (lonely.services, lonely.stack) == ({"a": 0.0}, 0.0)
    assert reach(FaultModel(("a",), ()), sources=()).hurt.shape == (1, 0)


def test_paths_are_ranked_by_risk_and_bounded() -> None:
    (path,) = failure_paths(CHAIN)
    assert path.services == ("db", "api", "web")
    assert path.probability == pytest.approx(0.1)
    assert path.risk == pytest.approx(0.2)
    assert path.delay_s == 15.0
    found = failure_paths(many(60, circle=True))
    assert len(found) <= PATHS_KEPT
    assert all(3 <= len(p.services) <= HOPS_MOST + 1 for p in found)
    assert [p.risk for p in found] == sorted((p.risk for p in found), reverse=True)
    assert all(len(set(p.services)) == len(p.services) for p in found)


def test_a_single_point_hurts_several_and_has_no_spare() -> None:
    links = (Link("api", "db", 0.9), Link("web", "api", 0.9), Link("job", "db", 0.2))
    known = reach(FaultModel(("db", "api", "web", "job"), links))
    (point,) = single_points(known)
    assert (point.service, point.hurt) == ("db", ("api", "web"))
    assert point.expected == pytest.approx(0.9 + 0.81 + 0.2)
    assert single_points(known, spare={"db"}) == ()


def test_circles_are_groups_of_their_own_and_dependencies_come_first() -> None:
    wiring = wire(
        FaultModel(("a", "b", "c"), (Link("a", "b", 1), Link("b", "a", 1), Link("c", "a", 1)))
    )
    assert wiring.order == ((0, 1), (2,))
