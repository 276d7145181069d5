"""Mitigations: every option by hand, and what holds for all of them in any stack."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.dependency_monitor import best, build_graph, mitigations, relate
from everup.dependency_monitor.mitigations import OPTIONS_MOST
from everup.model.assessment import Assessment, Prediction, Predictions, Strain
from everup.model.kinds import Cause, DependencyKind
from everup.model.mitigation import Growth, Means, Mitigation, MitigationKind, Mitigations
from everup.model.observation import InstanceObservation, Observation
from everup.model.runtime import Capability
from everup.model.stack import Dependency, ServiceSpec, Stack
from everup.model.state import StackState
from everup.predictive_monitor import score
from tests.unit.builders import NOW_S, SETTINGS, assess, dead, failing, seen, service, stack, up

K = MitigationKind
SOFT = DependencyKind.SOFT
ALL = Means(can=frozenset(Capability), runtime="small", no_router="no router brings its requests")


def soft(target: str, **changes: object) -> Dependency:
    return replace(Dependency(target, SOFT, is_critical=True), **changes)  # type: ignore[arg-type]


SHOP = stack(
    service("cache", instances=1),
    service("api", depends_on=(soft("cache"),)),
    service("web", "api"),
)


def options(
    what: Stack, *observed: InstanceObservation, means: Means = ALL, **predicted: float
) -> Mitigations:
    observation = seen(*observed)
    found = assess(what, observation)
    if predicted:
        items = tuple(
            Prediction(n, Cause.SLOW, p, NOW_S, NOW_S + 300, (), "test", NOW_S)
            for n, p in predicted.items()
        )
        found = replace(found, predictions=Predictions(items))
    return mitigations(what, observation, found, SETTINGS, means)


def only(found: Mitigations, kind: MitigationKind) -> Mitigation:
    (one,) = [o for o in found.options if o.kind is kind]
    return one


def heeded(*edges: str, **changes: object) -> Means:
    return replace(ALL, heeded=frozenset(edges), **changes)  # type: ignore[arg-type]


def test_a_soft_dependency_that_is_not_called_passes_nothing_on() -> None:
    found = options(SHOP, failing("cache"), up("api"), up("web"), means=heeded("api>cache"))
    assert (found.sources, set(found.exposed)) == (("cache",), {"api", "web"})
    assert found.risk == pytest.approx(0.5), "half its weight, and web cannot do without api"
    one = only(found, K.DEGRADE)
    assert (one.service, one.needs, one.because) == ("api", "cache", "cache")
    assert one.risk_before == pytest.approx(0.5)
    assert one.risk_after == 0.0
    assert not one.missing
    assert not one.must_ask
    assert best(found.options, SETTINGS)[0] is one


@pytest.mark.parametrize(
    ("edge", "means", "said"),
    [
        (soft("cache", is_critical=False), ALL, "no breaker on api>cache"),
        (soft("cache"), ALL, "nobody asks the breaker on api>cache"),
    ],
)
def test_what_nobody_could_carry_out_is_listed_with_what_it_lacks(
    edge: Dependency, means: Means, said: str
) -> None:
    what = stack(service("cache"), service("api", depends_on=(edge,)))
    found = options(what, failing("cache"), up("api"), means=means)
    assert said in only(found, K.DEGRADE).missing[0]
    assert not best(found.options, SETTINGS)


def test_a_guess_that_it_can_do_without_is_asked_about() -> None:
    what = stack(service("cache"), service("api", depends_on=(soft("cache", confidence=0.9),)))
    found = options(what, failing("cache"), up("api"), means=heeded("api>cache"))
    assert "nobody declared" in only(found, K.DEGRADE).must_ask


def test_an_open_breaker_is_in_force_and_says_what_it_is_worth() -> None:
    means = heeded("api>cache", open=frozenset({"api>cache"}))
    found = options(SHOP, failing("cache"), up("api"), up("web"), means=means)
    one = only(found, K.DEGRADE)
    assert one.is_in_force
    assert (found.risk, one.risk_after) == (0.0, 0.0)
    assert one.risk_before == pytest.approx(0.5)
    assert one not in best(found.options, SETTINGS)


def test_an_open_breaker_does_not_spare_who_cannot_do_without() -> None:
    what = stack(service("db"), service("api", "db"))
    means = heeded("api>db", open=frozenset({"api>db"}))
    assert options(what, failing("db"), up("api"), means=means).risk == pytest.approx(1.0)


SEVERAL = stack(service("db", instances=3), service("api", "db"))


def test_of_several_the_sick_one_is_shed_or_cut_off() -> None:
    means = replace(ALL, no_router="", routed={"db": frozenset({"db-0", "db-1", "db-2"})})
    observed = (failing("db", number=0), up("db", 1), up("db", 2), up("api"))
    found = options(SEVERAL, *observed, means=means)
    shed, isolate = only(found, K.SHED), only(found, K.ISOLATE)
    assert shed.instance == isolate.instance == "db-0"
    assert shed.risk_after == isolate.risk_after < 0.01 < shed.risk_before
    assert [o.kind for o in found.options][:2] == [K.SHED, K.ISOLATE], "the gentler one first"
    assert not shed.missing
    assert not shed.must_ask
    assert "modes: {isolate: auto}" in isolate.must_ask
    assert isolate.wait_s == SETTINGS.isolation_wait_s
    may = replace(means, may=frozenset({("db", K.ISOLATE)}))
    assert not only(options(SEVERAL, *observed, means=may), K.ISOLATE).must_ask


def test_a_lone_instance_is_not_shed() -> None:
    found = options(SEVERAL, failing("db"), failing("db", number=1), up("api"))
    assert not [o for o in found.options if o.kind is K.SHED or o.instance]


def test_isolating_all_of_it_names_who_loses_it() -> None:
    what = stack(
        service("cache"),
        service("api", "cache"),
        *(service(f"s{n}", depends_on=(soft("cache"),)) for n in range(3)),
    )
    found = options(what, failing("cache"), up("api"), *(up(f"s{n}") for n in range(3)))
    one = only(found, K.ISOLATE)
    assert "lost to api" in one.text
    assert "everup heal cache --type isolate" in one.missing[0], "never begun by itself"
    assert one.gain == pytest.approx(1.5 / 4)


def test_isolating_what_all_need_hard_gains_nothing_and_is_not_proposed() -> None:
    what = stack(service("db"), service("api", "db"), service("web", "db"))
    found = options(what, failing("db"), up("api"), up("web"))
    assert not [o for o in found.options if o.kind is K.ISOLATE]


def test_a_standby_takes_its_place_or_is_missing() -> None:
    plain = stack(service("db"), service("api", "db"))
    lacking = only(options(plain, failing("db"), up("api")), K.FAILOVER)
    assert lacking.missing == ("no standby is declared for db",)
    assert lacking.risk_after < 0.01
    spare = stack(service("db", standby="db2"), service("db2"), service("api", "db"))
    assert not only(options(spare, failing("db"), up("db2"), up("api")), K.FAILOVER).missing
    sick = options(spare, failing("db"), dead("db2"), up("api"))
    assert not [o for o in sick.options if o.kind is K.FAILOVER and not o.missing]
    cannot = replace(ALL, can=frozenset(), cannot={Capability.FAILOVER: "it has no names"})
    found = options(spare, failing("db"), up("db2"), up("api"), means=cannot)
    assert "it has no names" in only(found, K.FAILOVER).missing[0]


def test_a_bottleneck_is_scaled_by_the_stated_rule() -> None:
    means = replace(ALL, growth={("db", K.SCALE_OUT): Growth(0.5, "db from 1 to 2 instances")})
    what = stack(service("db"), service("api", "db"))
    found = options(what, up("db"), up("api"), means=means, db=0.8)
    one = only(found, K.SCALE_OUT)
    assert one.risk_before == pytest.approx(0.8)
    assert one.risk_after == pytest.approx(0.4)
    assert not one.missing
    kept = options(
        stack(service("db", is_stateful=True), service("api", "db")),
        up("db"),
        up("api"),
        means=means,
        db=0.8,
    )
    assert only(kept, K.SCALE_OUT).missing == ("db keeps data",)


def test_who_is_slow_is_as_near_to_failing_as_to_its_time_out() -> None:
    means = replace(ALL, growth={("db", K.SCALE_OUT): Growth(2 / 3, "db from 2 to 3 instances")})
    what = stack(service("db"), service("api", "db"))
    observation = seen(up("db"), up("api"))

    def judged(cause: Cause, share: float) -> Mitigations:
        own = score(what, observation, StackState(), SETTINGS)
        strain = Strain("db", cause, "it strains", NOW_S - 90.0, 1.2, share=share)
        said = Predictions(strains=(strain,))
        found = relate(what, observation, own, build_graph(what), StackState(), SETTINGS, said)
        return mitigations(what, observation, Assessment(own, found, said), SETTINGS, means)

    slow = judged(Cause.SLOW, 0.6)
    assert slow.risk == pytest.approx(0.6)
    one = only(slow, K.SCALE_OUT)
    assert one.gain == pytest.approx(0.2)
    assert best(slow.options, SETTINGS) == [one]
    assert not best(judged(Cause.SLOW, 0.2).options, SETTINGS), "far from it still"
    assert judged(Cause.SLOW, float("nan")).risk < 0.01, "what is not known says nothing"
    assert judged(Cause.MEMORY_PRESSURE, 0.95).risk < 0.01, "memory may stay near its limit"


def test_victims_restarts_are_held_and_say_what_that_is_worth() -> None:
    what = stack(
        service("db"),
        service("api", depends_on=(Dependency("db", weight=0.6),)),
        service("web", "api"),
    )
    found = options(what, failing("db"), failing("api", for_s=15.0), up("web"))
    one = only(found, K.HOLD_RESTARTS)
    assert one.is_in_force
    assert one.risk_before == pytest.approx(1.0)
    assert one.risk_after == pytest.approx(0.6)


def test_nothing_for_the_well_for_wishes_and_for_what_nobody_needs() -> None:
    assert options(SHOP, up("cache"), up("api"), up("web")) == Mitigations(NOW_S)
    assert not options(stack(service("db")), failing("db")).options
    stopped = options(SHOP, dead("cache", 0), up("api"), up("web"))
    assert not stopped.sources


def test_of_very_many_some_are_counted_only() -> None:
    many = stack(
        service("cache"), *(service(f"s{n}", depends_on=(soft("cache"),)) for n in range(90))
    )
    found = options(many, failing("cache"), *(up(f"s{n}") for n in range(90)))
    assert len(found.options) <= OPTIONS_MOST
    assert found.left_out > 0


# --- in any stack ---


def _instance(how: str, name: str, number: int) -> InstanceObservation:
    if how == "up":
        return up(name, number)
    return failing(name, number=number) if how == "failing" else dead(name, number=number)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Stack, Observation, Means]:
    count = draw(st.integers(2, 9))
    names = [f"s{n}" for n in range(count)]
    specs: list[ServiceSpec] = []
    for number, name in enumerate(names):
        targets = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
        edges = tuple(
            Dependency(
                t,
                draw(st.sampled_from(list(DependencyKind))),
                draw(st.sampled_from([0.2, 0.5, 1.0])),
                is_critical=draw(st.booleans()),
                confidence=draw(st.sampled_from([0.6, 1.0])),
            )
            for t in targets
            if t != name
        )
        standby = draw(st.sampled_from(["", *names]))
        instances = draw(st.integers(1, 3))
        specs.append(
            service(
                name,
                depends_on=edges,
                instances=instances,
                standby="" if standby == name else standby,
                is_stateful=bool(number % 2),
            )
        )
    observed = [
        _instance(draw(st.sampled_from(["up", "up", "failing", "dead"])), spec.name, n)
        for spec in specs
        for n in range(spec.instances)
    ]
    edges_ = [f"{s.name}>{e.target}" for s in specs for e in s.depends_on]
    some = st.frozensets(st.sampled_from(edges_)) if edges_ else st.just(frozenset[str]())
    means = replace(ALL, heeded=draw(some), open=draw(some))
    return stack(*specs), seen(*observed), means


def assessed(what: Stack, observation: Observation) -> Assessment:
    own = score(what, observation, StackState(), SETTINGS)
    found = relate(what, observation, own, build_graph(what), StackState(), SETTINGS)
    return Assessment(own, found)


@settings(max_examples=50, deadline=None)
@given(worlds())
def test_in_any_stack(world: tuple[Stack, Observation, Means]) -> None:
    what, observation, means = world
    found = mitigations(what, observation, assessed(what, observation), SETTINGS, means)
    assert 0.0 <= found.risk <= 1.0
    for one in found.options:
        assert 0.0 <= one.risk_after <= 1.0
        assert 0.0 <= one.risk_before <= 1.0
        assert one.gain == one.risk_before - one.risk_after
        assert one.gain >= -1e-9, "nothing is listed that raises the risk"
        assert one.gain > 0 or one.is_in_force
        assert one.because in found.sources
        assert one.is_in_force or one.risk_before == found.risk
    gains = [round(one.gain, 9) for one in found.options]
    assert gains == sorted(gains, reverse=True)
    names = [one.name for one in found.options]
    assert len(set(names)) == len(names)
    again = mitigations(what, observation, assessed(what, observation), SETTINGS, means)
    assert again == found, "the same look has the same answer"
    for one in best(found.options, SETTINGS):
        assert not one.missing
        assert not one.is_in_force


@settings(max_examples=15, deadline=None)
@given(worlds())
def test_who_is_all_well_has_none(world: tuple[Stack, Observation, Means]) -> None:
    what, _, means = world
    observed = [up(s.name, n) for s in what.services.values() for n in range(s.instances)]
    observation = seen(*observed)
    found = mitigations(what, observation, assessed(what, observation), SETTINGS, means)
    assert found == Mitigations(NOW_S)
