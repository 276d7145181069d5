"""Of two Everups in containers the one that started first stays; a helper is none."""

from __future__ import annotations

from typing import Any

from everup.runtimes.docker.guard import watcher


def everup(name: str, started: str, *, env: str = "", project: str = "") -> dict[str, Any]:
    return {
        "Id": f"{name}-1234567890",
        "Name": f"/{name}",
        "State": {"StartedAt": started},
        "Config": {
            "Env": [f"EVERUP_PROJECT={env}"],
            "Labels": {"com.docker.compose.project": project} if project else {},
        },
    }


def test_a_process_gives_way_to_a_container() -> None:
    assert watcher([everup("a", "2", project="shop")], "shop", "") == "a"
    assert watcher([everup("a", "2", env="shop", project="tools")], "shop", "") == "a"


def test_who_watches_another_project_is_no_matter() -> None:
    assert watcher([everup("a", "2", project="blog")], "shop", "") == ""
    assert watcher([everup("a", "2", env="blog", project="shop")], "shop", "") == ""


def test_who_says_nothing_is_not_known_to_watch_it() -> None:
    assert watcher([everup("a", "2")], "shop", "") == ""


def test_of_two_containers_exactly_one_stays() -> None:
    both = [everup("a", "1", project="shop"), everup("b", "2", project="shop")]
    assert watcher(both, "shop", "a-1234567890") == ""
    assert watcher(both, "shop", "b-1234567890") == "a"
    same = [everup("a", "1", project="shop"), everup("b", "1", project="shop")]
    assert [watcher(same, "shop", own) for own in ("a-12345", "b-12345")] == ["", "a"]
