"""What forbids scaling out and recreating; how a container is stopped; autoheal's variables."""

from __future__ import annotations

from typing import Any

import pytest

from everup.model.kinds import ActionKind, Mode
from everup.runtimes.docker.discovery import OwnerCheck, PublishedPort
from everup.runtimes.docker.discovery.autoheal import read_environment
from everup.runtimes.docker.discovery.reading import moment
from tests.unit.runtimes.docker.discovery.worlds import discover, document, said

BOUND = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ({"PortBindings": BOUND}, "port 8080 of the host is taken by it"),
        ({"NetworkMode": "host"}, "it uses the host's network"),
        ({"NetworkMode": "container:" + "c" * 64}, "it uses another container's network"),
        ({"DeviceRequests": [{"Driver": "nvidia"}]}, "it uses devices of the host"),
        ({"Privileged": True}, "it uses devices of the host"),
        ({"AutoRemove": True}, "it was started with --rm"),
    ],
)
def test_reasons_against_another_copy(host: dict[str, object], reason: str) -> None:
    found = discover([document("web", host=host)])["shop"]
    assert [no.text for no in found.traits["web"].no_scale_out] == [reason]


def test_a_port_that_the_engine_picks_forbids_nothing() -> None:
    bound = {"80/tcp": [{"HostIp": "", "HostPort": ""}], "53/udp": None}
    traits = discover([document("web", host={"PortBindings": bound})])["shop"].traits["web"]
    assert traits.no_scale_out == ()
    assert traits.stop_first_because == ()
    assert traits.ports == (PublishedPort(80, "tcp", 0),)


def test_container_name_and_static_address() -> None:
    web = document("web")
    web["Name"] = "/front"
    web["NetworkSettings"]["Networks"]["shop_default"]["IPAMConfig"] = {"IPv4Address": "10.0.0.2"}
    traits = discover([web])["shop"].traits["web"]
    assert traits.has_fixed_name
    assert [no.name for no in traits.no_scale_out] == ["container_name", "static_address"]
    assert traits.stop_first_because == ("a static address",)


def test_an_anonymous_volume_is_each_copys_own() -> None:
    volume = {"Type": "volume", "Name": "a" * 64, "Destination": "/data", "RW": True}
    traits = discover([document("web", mounts=(volume,))])["shop"].traits["web"]
    assert traits.no_scale_out == ()
    assert traits.stateful_because == ("writes to /data, a volume without a name",)


def test_a_network_of_another_projects_container_is_not_lost() -> None:
    vpn = document("vpn", project="other")
    child = document("child", networks=(), host={"NetworkMode": f"container:{vpn['Id']}"})
    traits = discover([vpn, child])["shop"].traits["child"]
    assert (traits.network_of, traits.network_is_lost) == ("", False)


@pytest.mark.parametrize(
    ("config", "signal", "grace_s"),
    [
        ({}, "SIGTERM", 10.0),
        ({"StopSignal": "SIGINT", "StopTimeout": 90}, "SIGINT", 90.0),
        ({"StopSignal": "3", "StopTimeout": 0}, "SIGQUIT", 0.0),
        ({"StopSignal": "quit", "StopTimeout": -1}, "SIGQUIT", 600.0),
        ({"StopSignal": "SIGRTMIN+3"}, "SIGRTMIN+3", 10.0),
        ({"StopSignal": "SIGNONE", "StopTimeout": True}, "SIGTERM", 10.0),
    ],
)
def test_how_it_is_stopped(config: dict[str, object], signal: str, grace_s: float) -> None:
    web = discover([document("web", config=config)])["shop"].stack.services["web"]
    assert (web.stop.signal, web.stop.grace_s) == (signal, grace_s)


def test_the_owners_check() -> None:
    def check(test: list[str], **more: int) -> OwnerCheck | None:
        config = {"Healthcheck": {"Test": test, **more}}
        return discover([document("web", config=config)])["shop"].traits["web"].check

    assert check(["NONE"]) is None
    assert check([]) is None
    assert check(["CMD", "true"]) == OwnerCheck(("CMD", "true"), 30.0, 30.0, 3, 0.0)
    full = check(["CMD-SHELL", "x"], Interval=5_000_000_000, Retries=5, StartPeriod=90_000_000_000)
    assert full == OwnerCheck(("CMD-SHELL", "x"), 5.0, 30.0, 5, 90.0)


@pytest.mark.parametrize(
    ("host", "cpus"),
    [
        ({"NanoCpus": 1_500_000_000}, 1.5),
        ({"CpuQuota": 50_000}, 0.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 25_000}, 2.0),
    ],
)
def test_processors(host: dict[str, object], cpus: float) -> None:
    assert discover([document("w", host=host)])["shop"].stack.services["w"].limits.cpus == cpus


def test_moments_of_the_engine() -> None:
    assert moment("1970-01-01T00:01:00.5Z") == 60.5
    assert moment("1970-01-01T01:00:00.123456789+01:00") == pytest.approx(0.123456789)
    for odd in ("0001-01-01T00:00:00Z", "", "yesterday", "2026-99-01T00:00:00Z"):
        assert moment(odd) != moment(odd)


def test_variables_of_autoheal() -> None:
    found = read_environment(
        {
            "AUTOHEAL_CONTAINER_LABEL": "all",
            "AUTOHEAL_DEFAULT_STOP_TIMEOUT": "20",
            "AUTOHEAL_START_PERIOD": "60",
            "AUTOHEAL_INTERVAL": "often",
            "AUTOHEAL_ONLY_MONITOR_RUNNING": "true",
            "AUTOHEAL_DEBUG": "1",
            "WEBHOOK_URL": "https://hooks.example.com/secret",
            "POST_RESTART_SCRIPT": "/x.sh",
        }
    )
    assert (found.label, found.stop_timeout_s, found.start_period_s) == ("all", 20.0, 60.0)
    assert (found.interval_s, found.only_running, found.is_given) == (None, True, True)
    assert found.webhook_url == "https://hooks.example.com/secret"
    assert "hooks.example.com" not in repr(found)
    assert (found.script, found.webhook_key) == ("/x.sh", "text")
    assert {note.about for note in found.notes} == {"AUTOHEAL_INTERVAL", "AUTOHEAL_DEBUG"}
    assert not read_environment({}).is_given


def test_all_in_our_environment_is_a_consent_for_all() -> None:
    environ = {"AUTOHEAL_CONTAINER_LABEL": "all", "AUTOHEAL_DEFAULT_STOP_TIMEOUT": "25"}
    found = discover(
        [document("web"), document("job", config={"StopTimeout": 40})], environ=environ
    )["shop"].stack
    assert found.mode_for("web", ActionKind.CONTAINER_RESTART) is Mode.AUTO
    assert found.mode_for("web", ActionKind.RECREATE) is Mode.OBSERVE
    assert found.services["web"].stop.grace_s == 25.0
    assert found.services["job"].stop.grace_s == 40.0, "its own timeout is nearer"


def test_a_word_of_ours_is_nearer_than_autoheals_label() -> None:
    labels = {"autoheal": "true", "everup.mode": "observe", "autoheal.stop.timeout": "soon"}
    found = discover([document("web", labels=labels)])["shop"]
    assert found.stack.mode_for("web", ActionKind.CONTAINER_RESTART) is Mode.OBSERVE
    assert "autoheal.stop.timeout says 'soon'" in said(found)


@pytest.mark.parametrize(
    "beside",
    [
        {"image": "registry.example.com/willfarrell/autoheal:latest"},
        {"image": "mine:1", "service": "autoheal"},
    ],
)
def test_autoheal_is_known_by_image_or_name(beside: dict[str, Any]) -> None:
    healer = document("healer", project="ops", env={"AUTOHEAL_CONTAINER_LABEL": "heal"}, **beside)
    web = document("web", labels={"heal": "true"})
    other = document("other", labels={"autoheal": "true"})
    found = discover([healer, web, other])["shop"]
    assert found.traits["web"].handled_by_autoheal == healer["Name"].lstrip("/")
    assert found.traits["other"].handled_by_autoheal == ""
    healer["State"]["Status"] = "exited"
    assert discover([healer, web])["shop"].traits["web"].handled_by_autoheal == ""
