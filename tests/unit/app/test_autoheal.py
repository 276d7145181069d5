"""Everup in autoheal's place: what its variables change, and what is named as not honoured."""

from __future__ import annotations

from everup.app import discover
from everup.config import Loaded, load_without_file
from everup.model.notice import Occasion
from tests.unit.runtimes.docker.discovery.worlds import document


def taken_over(environ: dict[str, str], own: dict[str, str] | None = None) -> Loaded:
    web = document("web", project="shop", labels={"autoheal": "true"})
    other = document("blog", project="else", labels={"autoheal": "true"})
    found = discover.understand("unix:///x", [web, other], environ)
    return discover.load(found, found.named("shop"), load_without_file(own or {}))[0]


def test_without_its_variables_nothing_changes() -> None:
    loaded = taken_over({})
    assert loaded.options.notifiers == ()
    assert loaded.unused == ()
    assert loaded.settings == load_without_file({}).settings


def test_its_times_are_taken_in() -> None:
    loaded = taken_over({"AUTOHEAL_START_PERIOD": "90", "AUTOHEAL_INTERVAL": "10"})
    assert loaded.settings.first_hold_s == 90.0
    assert loaded.settings.sample_interval_s == 10.0
    assert loaded.unused == ()


def test_everups_own_words_go_first() -> None:
    given = {"AUTOHEAL_INTERVAL": "10", "AUTOHEAL_START_PERIOD": "90"}
    own = {"EVERUP_SAMPLE_INTERVAL_S": "7", "EVERUP_FIRST_HOLD_S": "5"}
    settings = taken_over(given, own).settings
    assert (settings.sample_interval_s, settings.first_hold_s) == (7.0, 5.0)


def test_an_interval_beyond_the_bounds_is_cut_and_said() -> None:
    loaded = taken_over({"AUTOHEAL_INTERVAL": "600"})
    assert loaded.settings.sample_interval_s == 30.0
    assert any(text.startswith("AUTOHEAL_INTERVAL says 600 s") for text in loaded.unused)


def test_its_messages_go_where_they_went_in_the_form_that_is_known_there() -> None:
    loaded = taken_over(
        {
            "WEBHOOK_URL": "https://hooks.example.com/secret",
            "WEBHOOK_JSON_KEY": "content",
            "APPRISE_URL": "http://apprise:8000/notify/x",
            "POST_RESTART_SCRIPT": "/hooks/after.sh",
        }
    )
    webhook, apprise, script = loaded.options.notifiers
    assert webhook.keys == (("content", "all"),)
    assert webhook.on == frozenset(Occasion)
    assert "secret" not in repr(loaded)
    assert apprise.keys == (("title", "title"), ("body", "text"))
    assert script.command == ("/hooks/after.sh",)
    assert script.names_service
    assert script.on == {Occasion.RESOLVED, Occasion.ESCALATED}


def test_what_is_not_honoured_is_named_with_the_reason() -> None:
    environ = {
        "AUTOHEAL_CONTAINER_LABEL": "autoheal",
        "AUTOHEAL_ONLY_MONITOR_RUNNING": "false",
        "AUTOHEAL_DEBUG": "1",
        "CURL_TIMEOUT": "30",
    }
    said = " | ".join(taken_over(environ).unused)
    assert "AUTOHEAL_ONLY_MONITOR_RUNNING=false is not honoured: who is paused" in said
    assert "AUTOHEAL_DEBUG" in said
    assert "CURL_TIMEOUT" in said


def test_containers_of_other_projects_that_it_handled_are_named() -> None:
    loaded = taken_over({"AUTOHEAL_CONTAINER_LABEL": "autoheal"})
    assert any("would look after else-blog-1 too" in text for text in loaded.warnings)
    assert not any("look after" in text for text in taken_over({}).warnings)
