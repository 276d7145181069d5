"""The users' table, and whose word goes over it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.rules import ANY_OTHER, ROWS, row_of, rule_for
from everup.model.axis import Axis
from everup.model.sizing import Band, ScalingSpec
from everup.model.stack import ProbeSpec, ServiceSpec

BANDS = st.builds(
    lambda low, more: Band(low + more, low), st.floats(0.0, 0.5), st.floats(0.01, 0.5)
)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("api", "api"),
        ("shop-api-2", "api"),
        ("workers", "worker"),
        ("web-ui", "webui"),
        ("webui", "webui"),
        ("pg", "postgres"),
        ("main_postgres", "postgres"),
        ("apiary", ""),
        ("api-tests", ""),
        ("web", ""),
        ("7", ""),
    ],
)
def test_a_row_is_found_by_name(name: str, row: str) -> None:
    assert row_of(ServiceSpec(name)) == row


def test_a_row_is_found_by_its_program_and_by_how_it_is_asked() -> None:
    assert row_of(ServiceSpec("db", command=("/usr/bin/postgres", "-D", "x"))) == "postgres"
    assert row_of(ServiceSpec("db", probe=ProbeSpec(postgres="a:5432"))) == "postgres"
    assert row_of(ServiceSpec("db", probe=ProbeSpec(redis="a:6379"))) == ""


def test_the_table_is_that_of_the_users() -> None:
    api, worker = rule_for(ServiceSpec("api")), rule_for(ServiceSpec("worker"))
    webui, postgres = rule_for(ServiceSpec("webui")), rule_for(ServiceSpec("postgres"))
    assert (api.cpu, api.memory, api.least, api.most) == (Band(0.7, 0.3), Band(0.8, 0.4), 2, 10)
    assert (worker.cpu, worker.memory, worker.least, worker.most) == (Band(0.75, 0.25), None, 1, 8)
    assert (webui.cpu, webui.memory, webui.least, webui.most) == (Band(0.6, 0.2), None, 1, 5)
    assert (postgres.cpu, postgres.memory) == (Band(0.8, 0.4), Band(0.85, 0.5))
    assert (postgres.axis, postgres.least, postgres.most) == (Axis.SIZE, 1, 1)
    assert api.source == "table api"


def test_any_other_has_the_usual_bands_and_its_own_bounds() -> None:
    found = rule_for(ServiceSpec("cart", instances=2, min_instances=1, max_instances=3))
    assert (found.cpu, found.memory) == (ANY_OTHER.cpu, ANY_OTHER.memory)
    assert (found.least, found.most, found.axis, found.source) == (1, 3, Axis.BOTH, "usual")


def test_who_keeps_data_grows_in_size_and_who_ends_not_at_all() -> None:
    assert rule_for(ServiceSpec("api", is_stateful=True)).axis is Axis.SIZE
    assert rule_for(ServiceSpec("job", is_one_shot=True)).axis is Axis.NONE


def test_declared_bounds_go_over_those_of_the_table() -> None:
    spec = ServiceSpec("api", min_instances=1, max_instances=4, has_bounds=True)
    assert (rule_for(spec).least, rule_for(spec).most) == (1, 4)


@given(
    st.sampled_from([*ROWS, "cart"]),
    st.none() | BANDS,
    st.none() | BANDS,
    st.none() | st.sampled_from(Axis),
    st.booleans(),
)
def test_the_owners_word_wins_part_by_part(
    name: str, cpu: Band | None, memory: Band | None, axis: Axis | None, is_stateful: bool
) -> None:
    spec = ServiceSpec(name, is_stateful=is_stateful)
    usual = rule_for(spec)
    found = rule_for(replace(spec, scaling=ScalingSpec(axis=axis, cpu=cpu, memory=memory)))
    assert found.cpu == (cpu or usual.cpu)
    assert found.memory == (memory or usual.memory)
    assert found.axis == (axis or usual.axis)
    assert (found.least, found.most) == (usual.least, usual.most)
    assert ("declared" in found.source) == any(v is not None for v in (cpu, memory, axis))
    assert 0.0 <= found.cpu.into < found.cpu.out
