"""Whatever an engine, a label or a file says: discovery answers, and what it answers fits."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from everup.model.kinds import ActionKind, Mode
from tests.unit.runtimes.docker.discovery.worlds import discover, document, documents

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["-1", "db:5432", "0001-01-01T00:00:00Z", "container:", "a" * 64, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
REAL = [one for name in ("vpn", "shop", "media", "by_hand") for one in documents(name)]


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document."""
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    found = [path] if path else []
    for key, value in inner:
        found += paths(value, (*path, key))
    return found


PATHS = [paths(one) for one in REAL]


@st.composite
def damaged(draw: st.DrawFn) -> list[Any]:
    """Real documents in which some places hold something else, or nothing."""
    chosen = draw(st.lists(st.integers(0, len(REAL) - 1), min_size=1, max_size=4, unique=True))
    found = []
    for index in chosen:
        one = copy.deepcopy(REAL[index])
        for path in draw(st.lists(st.sampled_from(PATHS[index]), min_size=1, max_size=4)):
            damage(one, path, draw(ODD), is_removed=draw(st.booleans()))
        found.append(one)
    return found


def damage(node: Any, path: tuple[Any, ...], value: Any, *, is_removed: bool) -> None:
    for key in path[:-1]:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return  # an earlier damage took it away
    if isinstance(node, dict):
        node.pop(path[-1], None)
        if not is_removed:
            node[path[-1]] = value
    elif isinstance(node, list) and isinstance(path[-1], int) and path[-1] < len(node):
        node[path[-1]] = value


def check(found: list[Any], files: Mapping[str, str | None] | None = None) -> None:
    environ = {"AUTOHEAL_CONTAINER_LABEL": "all"}
    for discovered in discover(found, files=files, environ=environ, mode=Mode.AUTO).values():
        stack = discovered.stack
        assert set(stack.services) == set(discovered.traits)
        for name, spec in stack.services.items():
            targets = [edge.target for edge in spec.depends_on]
            assert set(targets) <= stack.services.keys() - {name}
            assert len(targets) == len(set(targets))
            assert all(
                0.0 <= e.weight <= 1.0 and 0.0 < e.confidence <= 1.0 for e in spec.depends_on
            )
            assert 1 <= spec.min_instances <= spec.instances <= spec.max_instances
            assert spec.stop.grace_s >= 0.0
            assert spec.start_period_s >= 0.0
            if discovered.project.managed_by:
                assert {stack.mode_for(name, kind) for kind in ActionKind} == {Mode.OBSERVE}
        assert all(str(note) for note in discovered.notes)
        assert stack.digest


@given(damaged())
def test_damaged_documents(found: list[Any]) -> None:
    check(found)


@given(st.lists(ODD, max_size=3))
def test_no_documents_at_all(found: list[Any]) -> None:
    check(found)


@given(
    labels=st.dictionaries(
        st.sampled_from(
            [
                *("everup.depends_on", "everup.mode", "everup.probe", "everup.hook.busy"),
                *("com.docker.compose.depends_on", "com.docker.compose.oneoff"),
                *("com.docker.compose.container-number", "com.docker.compose.service"),
                *("com.docker.compose.project.config_files", "io.kubernetes.pod.name"),
                *("autoheal.stop.timeout", "everup.max_instances", "everup.min_instances"),
            ]
        ),
        st.text(alphabet="web,db:soft-1.5/=ñ\0 '\"²", max_size=24),
    ),
    env=st.dictionaries(st.text(max_size=8), st.text(alphabet="db:@/,;=()[]#?.1 ", max_size=40)),
    text=st.text(alphabet="&*<:[]{}-! \nadb", max_size=60),
)
def test_odd_labels_settings_and_files(
    labels: dict[str, str], env: dict[str, str], text: str
) -> None:
    web = document("web", env=env, needs=None)
    web["Config"]["Labels"] |= labels
    files = dict.fromkeys(("/srv/shop/docker-compose.yml",), text)
    check([web, document("db")], files)
