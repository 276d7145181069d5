"""Who belongs together, who manages it, and what is Everup's own."""

from __future__ import annotations

import pytest

from everup.model.kinds import ActionKind, Mode
from everup.runtimes.docker.discovery import ProjectKind, projects, read_containers
from tests.unit.runtimes.docker.discovery.worlds import discover, document, said


@pytest.mark.parametrize(
    ("labels", "manager", "group"),
    [
        (
            {"com.docker.swarm.service.name": "web", "com.docker.stack.namespace": "front"},
            "Docker Swarm",
            "front",
        ),
        ({"com.docker.swarm.service.name": "srv-captain--blog"}, "CapRover", "swarm"),
        ({"io.kubernetes.pod.namespace": "prod"}, "Kubernetes", "kubernetes-prod"),
        ({"com.hashicorp.nomad.alloc_id": "1"}, "Nomad", "nomad"),
        ({"coolify.managed": "true"}, "Coolify", "coolify"),
        ({"com.dokku.app-name": "blog"}, "Dokku", "blog"),
    ],
)
def test_a_manager_is_known_by_its_labels(labels: dict[str, str], manager: str, group: str) -> None:
    labels |= {"autoheal": "true", "everup.mode": "auto", "everup.mode.recreate": "auto"}
    found = discover([document("x", project=None, labels=labels)], mode=Mode.AUTO)[group]
    assert found.project.managed_by == manager
    [service] = found.stack.services
    assert {found.stack.mode_for(service, kind) for kind in ActionKind} == {Mode.OBSERVE}
    assert found.traits[service].no_recreate == (f"{manager} manages it",)
    assert f"{manager} manages it, so it is only observed" in said(found)


def test_a_platform_that_uses_compose_manages_the_whole_project() -> None:
    found = discover(
        [document("a", labels={"coolify.managed": "true"}), document("b")], mode=Mode.AUTO
    )["shop"]
    assert found.stack.mode is Mode.OBSERVE
    assert {spec.mode for spec in found.stack.services.values()} == {Mode.OBSERVE}


@pytest.mark.parametrize("short", [False, True])
def test_everup_itself_is_in_no_stack(short: bool) -> None:
    own = document("everup")
    helper = document("socket-proxy", labels={"everup.own": "true"})
    own_id = own["Id"][:12] if short else own["Id"]
    found = discover([own, helper, document("web")], own_id=own_id)["shop"]
    assert set(found.stack.services) == {"web"}
    assert {one.name for one in found.project.own} == {"shop-everup-1", "shop-socket-proxy-1"}


def test_a_project_called_standalone_keeps_its_name() -> None:
    found = projects(
        read_containers([document("a", project="standalone"), document("b", project=None)])
    )
    assert [(one.name, one.kind) for one in found] == [
        ("standalone", ProjectKind.COMPOSE),
        ("standalone-containers", ProjectKind.STANDALONE),
    ]


def test_a_replacement_under_way_is_no_second_instance() -> None:
    old, new = document("web"), document("web")
    new |= {
        "Id": "e" * 64,
        "Name": "/aaaaaaaaaaaa_shop-web-1",
        "Created": "2026-01-03T00:00:00Z",
    }
    found = discover([old, new])["shop"]
    assert found.stack.services["web"].instances == 1
    assert found.traits["web"].container_ids[0] == new["Id"], "the newer one stands for it"
    assert found.traits["web"].superseded == (old["Id"],)
    assert not found.traits["web"].has_fixed_name


def test_what_is_being_removed_is_not_there() -> None:
    assert discover([document("web", state={"Status": "removing"})]) == {}


def test_a_label_can_leave_a_service_out() -> None:
    found = discover(
        [document("web", needs="job"), document("job", labels={"everup.enable": "false"})]
    )["shop"]
    assert set(found.stack.services) == set(found.traits) == {"web"}
    assert found.left_out == ("job",)
    assert found.stack.services["web"].depends_on == ()
    assert "web: depends on 'job', which is no service that is watched here" in said(found)
