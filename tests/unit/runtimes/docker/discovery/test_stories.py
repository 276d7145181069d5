"""Four projects that look like what people run, as an engine describes them."""

from __future__ import annotations

from everup.demo.stack.topology import BY_NAME
from everup.model.kinds import ActionKind, Mode, is_known
from tests.unit.runtimes.docker.discovery.worlds import (
    SHOP,
    SHOP_FILE,
    discover,
    documents,
    edges,
    said,
)

RESTARTS = (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART)


def test_children_of_a_vpn_container_need_it_and_live_in_its_network() -> None:
    vpn = discover(documents("vpn"))["vpn"]
    assert set(vpn.stack.services) == {"gluetun", "qbittorrent", "prowlarr", "port-updater"}
    for child in ("qbittorrent", "prowlarr"):
        [edge] = vpn.stack.services[child].depends_on
        assert (edge.target, edge.kind, edge.confidence) == ("gluetun", "hard", 1.0)
        assert edge.source == "depends_on, network namespace"
        assert vpn.traits[child].network_of == "gluetun"
        assert not vpn.traits[child].network_is_lost
    assert vpn.traits["gluetun"].network_children == ("prowlarr", "qbittorrent")
    assert "device" in [no.name for no in vpn.traits["gluetun"].no_scale_out]
    assert edges(vpn, "port-updater") == {"gluetun": ("hard", 0.6)}


def test_a_child_whose_vpn_container_was_replaced_has_lost_its_network() -> None:
    found = documents("vpn")
    found[0]["Id"] = "f" * 64
    vpn = discover(found)["vpn"]
    assert vpn.traits["qbittorrent"].network_is_lost
    assert edges(vpn, "qbittorrent") == {"gluetun": ("hard", 1.0)}
    assert "qbittorrent: uses the network of a container that was replaced" in said(vpn)


def test_a_shop_of_compose_1_gets_its_edges_from_its_file() -> None:
    shop = discover(documents("shop"), files={SHOP_FILE: SHOP})["shop"]
    assert edges(shop, "api") == {
        "db": ("hard", 1.0),
        "cache": ("hard", 1.0),
        "migrate": ("hard", 1.0),
        "web": ("soft", 0.8),
        "collector": ("soft", 0.8),
    }
    assert edges(shop, "web") == {"api": ("hard", 1.0)}
    api = shop.stack.services["api"]
    assert {e.target for e in api.depends_on if e.is_critical} == {"db", "cache"}
    assert (api.instances, api.min_instances, api.max_instances) == (2, 2, 2)
    assert (api.limits.memory_bytes, api.limits.cpus) == (256 * 1024**2, 0.5)
    assert (api.stop.signal, api.stop.grace_s) == ("SIGQUIT", 10.0)
    assert shop.stack.services["migrate"].is_one_shot
    assert {n for n, s in shop.stack.services.items() if s.is_stateful} == {"db", "cache"}
    assert "shop_api_run_5c0f1e2d3a4b: made by compose run" in said(shop)
    assert "who needs whom was read from docker-compose.yml" in said(shop)


def test_without_its_file_a_shop_of_compose_1_is_read_from_its_environment() -> None:
    shop = discover(documents("shop"))["shop"]
    assert edges(shop, "api")["db"] == ("hard", 0.8)
    assert edges(shop, "api")["cache"] == ("hard", 0.6)
    assert shop.stack.services["migrate"].is_one_shot, "it ended with 0 at once"
    assert f"{SHOP_FILE}: cannot be read from here" in said(shop)
    assert "exa" not in said(shop), "a note shows no value of a variable"


def test_a_running_migration_is_no_one_shot_before_somebody_says_so() -> None:
    found = documents("shop")
    for one in found:
        if one["Name"] == "/shop_migrate_1":
            one["State"] |= {"Status": "running", "Running": True}
    assert not discover(found)["shop"].stack.services["migrate"].is_one_shot
    assert discover(found, files={SHOP_FILE: SHOP})["shop"].stack.services["migrate"].is_one_shot


def test_restarts_are_left_to_an_autoheal_that_runs() -> None:
    media = discover(documents("media"), mode=Mode.AUTO)["media"]
    for kind in RESTARTS:
        assert media.stack.mode_for("sonarr", kind) is Mode.OBSERVE
        assert media.stack.mode_for("qbittorrent", kind) is Mode.AUTO, "it has no label"
    assert media.stack.mode_for("sonarr", ActionKind.RECREATE) is Mode.AUTO
    assert media.traits["sonarr"].handled_by_autoheal == "autoheal"
    assert "autoheal runs as autoheal and restarts homepage, jellyfin" in said(media)


def test_autoheals_labels_consent_to_restarts_once_it_is_gone() -> None:
    found = [one for one in documents("media") if one["Name"] != "/autoheal"]
    media = discover(found)["media"]
    for kind in RESTARTS:
        assert media.stack.mode_for("sonarr", kind) is Mode.AUTO
        assert media.stack.mode_for("qbittorrent", kind) is Mode.OBSERVE
    assert media.stack.mode_for("sonarr", ActionKind.RECREATE) is Mode.OBSERVE
    assert media.stack.services["jellyfin"].stop.grace_s == 45.0
    assert not media.stack.services["homepage"].is_stateful, "a socket and a clock hold no data"
    assert media.stack.services["sonarr"].is_stateful


def test_the_twelve_services_are_drawn_with_every_edge_of_theirs() -> None:
    flow = discover(documents("workflow"))["ai-workflow"]
    assert set(flow.stack.services) == set(BY_NAME)
    for name, profile in BY_NAME.items():
        spec = flow.stack.services[name]
        assert {edge.target for edge in spec.depends_on} == {n.target for n in profile.needs}
        declared = {edge.target for edge in spec.depends_on if edge.confidence == 1.0}
        assert declared == set(profile.hard)
        assert spec.limits.memory_bytes == profile.memory_mib * 1024**2
        assert spec.start_period_s == profile.start_period_s
        assert spec.stop.grace_s == profile.stop_grace_s
    assert flow.stack.services["redis"].is_stateful
    check = flow.traits["api"].check
    assert check is not None
    assert (check.interval_s, check.timeout_s, check.retries) == (30.0, 3.0, 3)


def test_what_was_started_by_hand_is_one_group() -> None:
    group = discover(documents("by_hand"))["standalone"]
    assert set(group.stack.services) == {"influx", "telegraf", "shell"}
    assert edges(group, "telegraf") == {"influx": ("hard", 0.8)}
    assert group.traits["influx"].anonymous_volumes == ("/var/lib/influxdb2",)
    assert group.stack.services["influx"].is_stateful
    assert group.traits["shell"].no_recreate
    assert not is_known(group.stack.services["shell"].limits.memory_bytes)


def test_what_is_found_does_not_depend_on_the_order_of_the_engine() -> None:
    for name in ("vpn", "shop", "media", "workflow", "by_hand"):
        found = documents(name)
        assert discover(found) == discover(found[::-1])
