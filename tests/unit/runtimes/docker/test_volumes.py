"""Every anonymous volume goes along, by its name, however it was declared."""

from __future__ import annotations

from typing import Any

import pytest

from everup.model.errors import GiveUp
from everup.runtimes.docker.blueprint import blueprint_of, parse_blueprint
from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.refusals import refuse, refuse_other_volumes
from everup.runtimes.docker.versions import version_of
from everup.runtimes.docker.volumes import volumes_of, volumes_planned
from tests.unit.builders import KEY

ONE, TWO = "f" * 64, "e" * 64


def _volume(name: str, place: str, **more: Any) -> dict[str, Any]:
    return {"Type": "volume", "Name": name, "Destination": place, "RW": True, **more}


def _document(*mounts: dict[str, Any], **host: Any) -> dict[str, Any]:
    labels = host.pop("labels", {})
    return {
        "Id": "a" * 64,
        "Name": "/shop_web_1",
        "Config": {"Image": "web", "Labels": labels, "Volumes": host.pop("volumes", None)},
        "HostConfig": host,
        "Mounts": list(mounts),
    }


DECLARED: dict[str, dict[str, Any]] = {
    "a mount": {"Mounts": [{"Type": "volume", "Target": "/data"}]},
    "a mount, untidy": {"Mounts": [{"Type": "volume", "Target": "/data/", "Source": ""}]},
    "a mount of ours": {"Mounts": [{"Type": "volume", "Target": "/data", "Source": ONE}]},
    "a place alone": {"Binds": ["/data"]},
    "a bind of ours": {"Binds": [f"{ONE}:/data:rw"]},
    "the image": {},
    "-v": {"volumes": {"/data": {}}},
}


@pytest.mark.parametrize("how", DECLARED)
def test_the_next_one_has_the_same_volume(how: str) -> None:
    document = _document(_volume(ONE, "/data"), **DECLARED[how])
    plan = blueprint_of(parse(document), "web")
    assert volumes_planned(plan.host) == {"/data": ONE} == volumes_of(document)
    assert parse_blueprint(plan.content()) == plan


@pytest.mark.parametrize("how", DECLARED)
def test_what_was_captured_before_gets_the_volume_of_now(how: str) -> None:
    before = _document(_volume(TWO, "/data"), **DECLARED[how])
    if how.endswith("of ours"):
        before = _document(_volume(ONE, "/data"), **DECLARED[how])
    now = parse(_document(_volume("d" * 64, "/data"), **DECLARED["the image"]))
    plan = blueprint_of(parse(before), "web").in_place_of(now)
    assert volumes_planned(plan.host) == {"/data": "d" * 64}
    refuse_other_volumes(now, volumes_planned(plan.host), may_more=False)


@pytest.mark.parametrize("how", DECLARED)
def test_the_engines_name_for_a_volume_makes_no_other_version(how: str) -> None:
    plain = version_of(parse(_document(_volume(ONE, "/data"), **DECLARED[how])), KEY)
    again = _document(_volume(TWO, "/data"), **DECLARED[how])
    ours = blueprint_of(parse(again), "web")
    made = {**again, "HostConfig": dict(ours.host)}
    assert version_of(parse(made), KEY) == plain


def test_a_mount_keeps_all_else_that_was_said_of_it() -> None:
    mount = {"Type": "volume", "Target": "/data", "ReadOnly": True, "VolumeOptions": {"NoCopy": 1}}
    document = _document(_volume(ONE, "/data", RW=False), Mounts=[mount])
    plan = blueprint_of(parse(document), "web")
    assert plan.host["Mounts"] == [{**mount, "Source": ONE}]
    assert plan.host["Binds"] is None


@pytest.mark.parametrize(
    ("mounts", "host"),
    [
        ([_volume("shop_new", "/data")], {"Binds": ["shop_new:/data"]}),
        ([_volume(ONE, "/data"), _volume(TWO, "/more")], {}),
    ],
)
def test_other_volumes_are_refused_by_place(mounts: list[dict[str, Any]], host: Any) -> None:
    old = parse(_document(*mounts, **host))
    before = _document(_volume("shop_data", "/data"), Binds=["shop_data:/data"])
    plan = blueprint_of(parse(before), "web").in_place_of(old)
    with pytest.raises(GiveUp, match="/data would be the volume shop_data instead of"):
        refuse_other_volumes(old, volumes_planned(plan.host), may_more=False)


def test_a_volume_that_only_the_changed_one_has_is_refused() -> None:
    old = parse(_document(_volume(ONE, "/data")))
    plan = blueprint_of(parse(_document()), "web").in_place_of(old)
    with pytest.raises(GiveUp, match="/data would be no volume"):
        refuse_other_volumes(old, volumes_planned(plan.host), may_more=False)


@pytest.mark.parametrize(
    ("labels", "manager"),
    [
        ({"com.docker.swarm.service.name": "shop_web"}, "Docker Swarm"),
        ({"io.kubernetes.pod.name": "web-1"}, "Kubernetes"),
    ],
)
def test_what_an_orchestrator_manages_is_not_ours_to_make(
    labels: dict[str, str], manager: str
) -> None:
    with pytest.raises(GiveUp, match=f"{manager} manages shop_web_1"):
        refuse(parse(_document(labels=labels)))


def test_what_newer_engines_know_of_a_network_comes_along() -> None:
    end = {"GwPriority": 7, "MacAddress": "02:42:ac:11:00:02", "IPAddress": "10.0.0.2"}
    chosen = {**end, "DesiredMacAddress": "02:00:00:00:00:07"}
    networks = {"NetworkSettings": {"Networks": {"shop": end, "back": chosen}}}
    plan = blueprint_of(parse({**_document(), **networks}), "web")
    assert plan.networks == {
        "shop": {"GwPriority": 7},
        "back": {"GwPriority": 7, "MacAddress": "02:00:00:00:00:07"},
    }
