"""The pure parts of the Docker runtime: documents in, values out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.errors import GiveUp
from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Heard
from everup.runtimes.docker.asked import signal_name
from everup.runtimes.docker.blueprint import blueprint_of, parse_blueprint
from everup.runtimes.docker.borrowed import lost_networks, successor
from everup.runtimes.docker.containers import Container, code_of, parse, seconds
from everup.runtimes.docker.instances import instance_of
from everup.runtimes.docker.layer import would_be_lost
from everup.runtimes.docker.roster import name_of

ID = "a" * 64
STARTED = "2026-01-02T03:04:05.5Z"
STARTED_S = 1767323045.5


def _document(**more: Any) -> dict[str, Any]:
    state = {"Running": True, "StartedAt": STARTED, "FinishedAt": "0001-01-01T00:00:00Z", "Pid": 7}
    return {
        "Id": ID,
        "Name": "/shop_web_1",
        "Image": "sha256:1",
        "State": {**state, **more.pop("state", {})},
        "Config": {
            "Hostname": ID[:12],
            "Env": ["A=1", "B="],
            "Image": "web",
            **more.pop("config", {}),
        },
        "HostConfig": {"NetworkMode": "shop", **more.pop("host", {})},
        "NetworkSettings": {
            "Networks": {"shop": {"Aliases": [ID[:12], "web"], "IPAddress": "10.0.0.2"}}
        },
        **more,
    }


def _answer(code: int, second: int) -> dict[str, Any]:
    at = f"2026-01-02T03:05:{second:02d}Z"
    return {"Start": at, "End": at, "ExitCode": code, "Output": " not\n now "}


def _checked(status: str, streak: int, *codes: int) -> Container:
    log = [_answer(code, second) for second, code in enumerate(codes)]
    health = {"Status": status, "FailingStreak": streak, "Log": log}
    return parse(_document(state={"Health": health}))


def _seen(container: Container, **more: Any) -> Any:
    return instance_of(container, was_witnessed=True, at_s=9.0, failure_threshold=3, **more)


def test_a_running_container_is_an_instance() -> None:
    instance = _seen(parse(_document()))
    assert (instance.name, instance.state) == ("shop_web_1", InstanceState.RUNNING)
    assert instance.started_at_s == STARTED_S
    assert instance.address == "10.0.0.2"
    assert instance.check is None
    assert instance.exit is None


def test_an_exit_says_how() -> None:
    state = {"Running": False, "ExitCode": 137, "FinishedAt": "2026-01-02T03:04:15.5Z"}
    instance = _seen(parse(_document(state={**state, "OOMKilled": True})))
    assert instance.exit is not None
    assert (instance.exit.code, instance.exit.ran_s) == (-9, 10.0)
    assert instance.exit.is_out_of_memory


def test_the_owners_word_counts_when_the_engine_says_unhealthy() -> None:
    first = _seen(_checked("healthy", 2, 0, 1, 1)).check
    assert (first.verdict, first.in_a_row, first.heard) == (ProbeVerdict.FAIL, 2, Heard.CHECK)
    assert "not now" in first.detail
    many = _seen(_checked("healthy", 9, 1, 1, 1)).check
    assert many.in_a_row == 2, "its owner wants more of them"
    last = _seen(_checked("unhealthy", 1, 1)).check
    assert last.in_a_row == 3, "its owner wants no more of them"
    slow = _seen(_checked("healthy", 1, -1)).check
    assert slow.heard is Heard.SILENCE
    good = _seen(_checked("healthy", 0, 1, 0, 0)).check
    assert (good.verdict, good.in_a_row) == (ProbeVerdict.PASS, 2)
    assert _seen(_checked("starting", 0)).check.verdict is ProbeVerdict.RECOVERING


def test_answers_of_a_former_life_do_not_count() -> None:
    old = {**_answer(0, 1), "Start": "2026-01-02T03:00:00Z", "End": "2026-01-02T03:00:01Z"}
    health = {"Status": "healthy", "FailingStreak": 0, "Log": [old]}
    check = _seen(parse(_document(state={"Health": health}))).check
    assert check.verdict is ProbeVerdict.RECOVERING


@given(st.recursive(st.none() | st.text() | st.integers() | st.booleans(), st.lists, max_leaves=4))
def test_odd_documents_are_unknown_and_raise_nothing(value: Any) -> None:
    for name in ("State", "Config", "HostConfig", "NetworkSettings", "Name", "Id"):
        _seen(parse({**_document(), name: value}))


@pytest.mark.parametrize(
    ("given_code", "code"), [(0, 0), (1, 1), (137, -9), (143, -15), (255, 255)]
)
def test_a_code_above_128_is_a_signal(given_code: int, code: int) -> None:
    assert code_of(given_code) == code


def test_the_engines_times() -> None:
    assert seconds(STARTED) == STARTED_S
    assert seconds("2026-01-02T04:04:05.123456789+01:00") == pytest.approx(STARTED_S - 0.376543211)
    assert math.isnan(seconds("0001-01-01T00:00:00Z"))
    assert math.isnan(seconds("soon"))


@pytest.mark.parametrize(
    ("text", "name"),
    [("15", "SIGTERM"), ("TERM", "SIGTERM"), ("sigkill", "SIGKILL"), ("x", "SIGX")],
)
def test_signals_have_one_name(text: str, name: str) -> None:
    assert signal_name(text) == name


def test_a_blueprint_leaves_out_what_is_the_old_ones_own() -> None:
    plan = blueprint_of(parse(_document()), "web")
    assert "Hostname" not in plan.config
    assert plan.env == {"A": "1", "B": ""}
    assert plan.networks["shop"]["Aliases"] == ["web"]
    assert parse_blueprint(plan.content()) == plan
    assert plan.body()["NetworkingConfig"] == {"EndpointsConfig": {"shop": {"Aliases": ["web"]}}}


@pytest.mark.parametrize(
    ("content", "field"), [({}, "image"), ({"no_such": 1}, "no_such"), ({"image": 3}, "image")]
)
def test_a_senseless_blueprint_is_refused_by_field(content: dict[str, object], field: str) -> None:
    with pytest.raises(GiveUp, match=f"^{field}:"):
        parse_blueprint(content)


def test_an_anonymous_volume_is_attached_by_its_name() -> None:
    mounts = [
        {"Type": "volume", "Name": "f" * 64, "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "named", "Destination": "/named", "RW": True},
    ]
    plan = blueprint_of(parse(_document(Mounts=mounts, host={"Binds": ["named:/named"]})), "web")
    assert plan.host["Binds"] == ["named:/named", f"{'f' * 64}:/data"]


def test_what_a_container_wrote_is_missed_but_for_scratch() -> None:
    paths = ("/tmp/a", "/var", "/var/log/x", "/srv", "/srv/a", "/app/__pycache__/b", "/data")
    changes = [{"Path": path, "Kind": 1} for path in paths]
    assert would_be_lost(changes, ["/data"]) == ["/srv/a"]


def _borrower(lender: str, started: str) -> Container:
    return parse(
        {
            **_document(host={"NetworkMode": f"container:{lender}"}, state={"StartedAt": started}),
            "Id": "b" * 64,
        }
    )


def test_a_borrowed_network_is_lost_with_its_lenders_life() -> None:
    lender = parse(_document())
    before, after = "2026-01-02T03:04:00Z", "2026-01-02T03:04:06Z"
    assert list(lost_networks([lender, _borrower(ID, before)], {})) == ["b" * 64]
    assert not lost_networks([lender, _borrower(ID, after)], {})
    assert not lost_networks([_borrower(ID, before)], {}), "who is not there explains it"
    assert lost_networks([lender, _borrower("c" * 64, after)], {"c" * 64: ID})


def test_successors_may_have_successors_and_never_go_round() -> None:
    assert successor("a", {"a": "b", "b": "c"}) == "c"
    assert successor("a", {"a": "b", "b": "a"}) in {"a", "b"}


def test_a_container_that_was_moved_aside_keeps_its_name() -> None:
    assert name_of("/everup-aside-my-db-1f2e3d") == "my-db"
    assert name_of("/my-db") == "my-db"
