"""What `everup.*` labels say, and that a mistake in one never makes Everup do more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.kinds import ActionKind, Mode
from everup.model.stack import HookSpec, ProbeSpec, ServiceSpec
from everup.runtimes.docker.discovery.labels import KNOWN, read_labels
from tests.unit.runtimes.docker.discovery.worlds import discover, document, said

ORDER = tuple(Mode)


def spec(labels: dict[str, str], mode: Mode = Mode.AUTO) -> ServiceSpec:
    found = discover([document("web", labels=labels)], mode=mode)["shop"]
    return found.stack.services["web"]


def test_every_label_is_understood() -> None:
    found = spec(
        {
            "everup.mode": "approve",
            "everup.mode.container_restart": "auto",
            "everup.stateful": "true",
            "everup.one_shot": "yes",
            "everup.priority": "-20",
            "everup.when_stopped": "heal",
            "everup.max_instances": "4",
            "everup.max_connections": "200",
            "everup.health_threshold": "0.8",
            "everup.start_period": "1m30s",
            "everup.stop_grace": "45s",
            "everup.hook.reconnect": "POST http://:8080/reconnect",
            "everup.hook.busy": "sh -c 'test -e /tmp/busy'",
            "everup.probe": "http://localhost:8080/health",
            "everup.freeze": "moving house",
        }
    )
    assert (found.mode, found.modes) == (Mode.APPROVE, {ActionKind.CONTAINER_RESTART: Mode.AUTO})
    assert found.is_stateful
    assert found.is_one_shot
    assert found.heal_when_stopped
    assert (found.priority, found.min_instances, found.max_instances) == (-20, 1, 4)
    assert found.limits.connections == 200.0
    assert (found.health_threshold, found.start_period_s, found.stop.grace_s) == (0.8, 90.0, 45.0)
    assert found.hooks == {
        "reconnect": HookSpec(http="POST http://{host}:8080/reconnect"),
        "busy": HookSpec(command=("sh", "-c", "test -e /tmp/busy")),
    }
    assert found.probe == ProbeSpec(http="http://{host}:8080/health")
    assert found.frozen_by_label == "label everup.freeze: moving house"


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("tcp://:5432", ProbeSpec(tcp="{host}:5432")),
        ("redis://:6379", ProbeSpec(redis="{host}:6379")),
        ("postgres://127.0.0.1:5432", ProbeSpec(postgres="{host}:5432")),
        ("https://:8443", ProbeSpec(http="https://{host}:8443/")),
    ],
)
def test_probes(text: str, probe: ProbeSpec) -> None:
    assert spec({"everup.probe": text}).probe == probe


MISTAKES = [
    ("everup.mode", "atuo", "write observe, approve or auto"),
    ("everup.mode.recreate", "yes", "write observe, approve or auto"),
    ("everup.mode.recraete", "observe", "did you mean everup.mode.recreate?"),
    ("everup.stateful", "nope", "write true or false"),
    ("everup.enable", "flase", "write true or false"),
    ("everup.enabled", "false", "did you mean everup.enable?"),
    ("everup.freze", "true", "did you mean everup.freeze?"),
    ("everup.priority", "1e3", "write a whole number from -1000 to 1000"),
    ("everup.max_instances", "0", "write a whole number from 1 to 100"),
    ("everup.max_connections", "many", "write a whole number from 1 to 1000000"),
    ("everup.health_threshold", "0.1", "write a number from 0.4 to 1"),
    ("everup.stop_grace", "soon", "write a duration up to 3600 s"),
    ("everup.when_stopped", "healed", "write heal or leave"),
    ("everup.probe", "http://example.com:80/", "leave out the host: http://:80"),
    ("everup.probe", "http://user:pw@:80/", "write http://:8080/health"),
    ("everup.hook.cache_clear", "redis-cli FLUSHALL", "refused"),
    ("everup.hook.busy", "sh -c 'open", "write a command with its quotes closed"),
    ("everup.depends_on", "db:firm", "write hard, soft or none"),
    ("everup.depends_on", "db:soft:2", "write a number from 0 to 1"),
]


@pytest.mark.parametrize(("name", "value", "fix"), MISTAKES)
def test_a_mistake_names_container_label_and_fix(name: str, value: str, fix: str) -> None:
    found = discover([document("web", labels={name: value})])["shop"]
    [note] = [note for note in found.notes if note.is_mistake]
    assert note.about == "container shop-web-1"
    assert name in note.text
    assert fix in note.fix


@pytest.mark.parametrize(
    "labels",
    [
        {"everup.mode": "obsreve"},
        {"everup.mode.recraete": "observe", "everup.mode.recreate": "auto"},
        {"everup.enable": "flase", "everup.mode": "auto"},
        {"everup.enabled": "false", "everup.mode": "auto"},
        {"everup.freze": "true"},
        {"everup.modes": "observe"},
    ],
)
def test_who_meant_to_hold_back_is_only_observed(labels: dict[str, str]) -> None:
    found = discover([document("web", labels=labels)], mode=Mode.AUTO)["shop"].stack
    assert {found.mode_for("web", kind) for kind in ActionKind} == {Mode.OBSERVE}


def test_a_secret_in_a_label_is_not_shown() -> None:
    labels = {
        "everup.probe": "http://admin:hunter2@:80/",
        "everup.depends_on": "a:password=hunter2",
    }
    assert "hunter2" not in said(discover([document("web", labels=labels)])["shop"])


def test_bounds_that_do_not_hold_what_there_is() -> None:
    found = discover([document("web", labels={"everup.min_instances": "3"})])["shop"]
    web = found.stack.services["web"]
    assert (web.min_instances, web.instances, web.max_instances) == (1, 1, 1)
    assert "do not hold the 1 that there are" in said(found)


def test_a_freeze_on_any_copy_counts_and_differences_are_said() -> None:
    second = document("web", number=2, labels={"everup.freeze": "true"})
    second["Id"] = "d" * 64
    found = discover([document("web"), second])["shop"]
    assert found.stack.services["web"].frozen_by_label
    assert "the copies carry different everup labels" in said(found)


def test_labels_of_our_own_making_are_not_looked_at() -> None:
    assert spec({"everup.internal.copy_of": "x"}).labels == {}


NAMES = sorted(KNOWN) + [f"everup.mode.{kind}" for kind in ActionKind]
NAMES += ["everup.hook.busy", "everup.mode.x", "everup.x", "everup.freez", "everup."]
VALUES = ["true", "false", "auto", "observe", "approve", "AUTO ", "", "1", "0.5", "heal", "db"]
some_label = st.tuples(
    st.sampled_from(NAMES) | st.text(max_size=12).map("everup.".__add__),
    st.sampled_from(VALUES) | st.text(max_size=20),
)


@given(base=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)), one=some_label)
def test_no_mistake_raises_a_mode(base: dict[str, str], one: tuple[str, str]) -> None:
    name, value = one
    base = {"autoheal": "true", **base}
    base.pop(name, None)
    mistakes = [n for n in read_labels("x", {name: value}).notes if n.is_mistake]
    if not mistakes:
        return
    without = discover([document("web", labels=base)], mode=Mode.AUTO)["shop"].stack
    found = discover([document("web", labels={**base, name: value})], mode=Mode.AUTO)["shop"].stack
    if "web" not in without.services or "web" not in found.services:
        assert "web" not in without.services
        return
    for kind in ActionKind:
        before, after = without.mode_for("web", kind), found.mode_for("web", kind)
        assert ORDER.index(after) <= ORDER.index(before), (kind, base, one)
    old, new = without.services["web"], found.services["web"]
    assert new.is_stateful >= old.is_stateful
    assert new.heal_when_stopped <= old.heal_when_stopped
    assert new.max_instances <= old.max_instances
