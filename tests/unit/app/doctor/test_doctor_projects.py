"""What runs on the engine: how much of it can be judged, and what would make it more."""

from __future__ import annotations

from typing import Any

import pytest

from everup.app.doctor.findings import Finding, State
from everup.app.doctor.projects import (
    judge_autoheal,
    judge_files,
    judge_project,
    judge_projects,
)
from everup.runtimes.docker.discovery import look_around, projects, read_containers
from tests.unit.runtimes.docker.discovery.worlds import discover, document

CHECKED = {"Healthcheck": {"Test": ["CMD", "true"]}}
ALWAYS = {"RestartPolicy": {"Name": "always"}}
PROBED = {"everup.probe": "http://:8080/health"}


def about(*documents: dict[str, Any], project: str = "shop") -> dict[str, Finding]:
    seen = discover(list(documents))[project]
    return {one.check: one for one in judge_project(seen)}


def test_a_healthcheck_or_a_probe_is_what_a_service_can_be_judged_by() -> None:
    found = about(
        document("a", config=CHECKED, host=ALWAYS),
        document("b", labels=PROBED, host=ALWAYS),
        document("c", host=ALWAYS),
    )
    assert found["coverage"].state is State.WEAK
    assert found["coverage"].text.startswith("2 of 3 can be judged")
    assert found["coverage"].fix.endswith("to: c")
    assert found["restart policies"].text == "always 3"
    assert "labels" not in found


def test_a_project_that_can_be_judged_is_well() -> None:
    found = about(document("a", config=CHECKED, host=ALWAYS))
    assert {one.state for one in found.values()} == {State.OK}


def test_services_without_a_policy_are_named() -> None:
    found = about(document("a", host=ALWAYS), document("b"))["restart policies"]
    assert found.text.startswith("1 of 2 have none")
    assert found.fix.endswith("for: b")


def test_what_was_started_by_hand_has_another_fix_and_what_ended_is_of_no_concern() -> None:
    ended = document("old", project=None, state={"Status": "exited"})
    found = about(document("web", project=None), ended, project="standalone")
    assert found["restart policies"].fix == "docker update --restart unless-stopped web"
    assert "0 of 1" in found["coverage"].text


def test_what_is_managed_is_said_to_be_observed_and_nothing_else() -> None:
    labels = {"com.docker.swarm.service.name": "x"}
    found = about(document("a", labels=labels))
    assert set(found) == {"managed"}
    assert "Docker Swarm" in found["managed"].text


def test_one_mistake_on_several_containers_is_said_once() -> None:
    labels = {"everup.stateful": "perhaps"}
    seen = discover([document(name, labels=labels) for name in ("a", "b")])["shop"]
    found = [one for one in judge_project(seen) if one.check == "labels"]
    assert len(found) == 1
    assert "shop-a-1, shop-b-1" in found[0].text
    assert found[0].fix


@pytest.mark.parametrize(
    ("needs", "files", "state", "text"),
    [
        ("", {}, "ok", "not needed"),
        (None, {"/srv/shop/docker-compose.yml": "services: {}"}, "ok", "can be read"),
        (None, {"/srv/shop/docker-compose.yml": None}, "weak", "cannot be read"),
        (None, {}, "weak", "do not say which"),
    ],
)
def test_compose_files(
    needs: str | None, files: dict[str, str | None], state: str, text: str
) -> None:
    seen = discover([document("a", needs=needs)], files=files)["shop"]
    finding = judge_files(seen, files)
    assert finding is not None
    assert finding.state == state
    assert text in finding.text
    if None in files.values():
        assert "-v /srv/shop:/srv/shop:ro" in finding.fix


def test_what_was_started_by_hand_has_no_compose_file() -> None:
    assert judge_files(discover([document("a", project=None)])["standalone"], {}) is None


def test_projects_are_counted() -> None:
    found = projects(read_containers([document("a"), document("b"), document("c", project="x")]))
    finding = judge_projects(found, "here")
    assert finding.text == "2 projects: shop (2 services), x (1 service)"
    assert judge_projects((), "here").state is State.WEAK


def test_an_autoheal_beside_us_is_named_with_whom_it_restarts() -> None:
    healer = document("autoheal", project=None, image="willfarrell/autoheal")
    containers = read_containers([healer, document("a", labels={"autoheal": "true"})])
    (finding,) = judge_autoheal(look_around(containers), projects(containers))
    assert finding.state is State.WEAK
    assert "restarts a;" in finding.text
    assert finding.fix.startswith("docker stop autoheal")
