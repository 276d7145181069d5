"""Which files of the host are a container's configuration, and where they are seen from here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.host_paths import FAR, UNSEEN, HostPaths
from everup.runtimes.docker.mounted import (
    Place,
    binds_of,
    is_of_machine,
    places_of,
    written_by,
)
from everup.runtimes.docker.mounted_files import is_of_a_stack
from everup.runtimes.docker.nearness import Nearness


def host(*binds: str, mounts: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"Binds": list(binds), "Mounts": list(mounts)}


def paths(
    where: dict[str, Any], declared: tuple[str, ...] | None = None, *others: Any
) -> list[str]:
    return [place.path for place in places_of(where, declared, written_by((where, *others)))]


def test_both_ways_to_write_a_bind() -> None:
    secret = {
        "Type": "bind",
        "Source": "/srv/db.txt",
        "Target": "/run/secrets/db",
        "ReadOnly": True,
    }
    where = host("/srv/a.conf:/etc/a.conf:ro,z", "named:/data", "/srv/w:/w", mounts=(secret,))
    assert [(b.source, b.is_writable) for b in binds_of(where)] == [
        ("/srv/a.conf", False),
        ("/srv/w", True),
        ("/srv/db.txt", False),
    ]
    assert places_of(where, None, ()) == [Place("/srv/a.conf"), Place("/srv/db.txt", True)]


def test_what_may_be_written_counts_only_where_it_is_declared() -> None:
    where = host("/srv/app:/app", "/srv/app/x.conf:/etc/x.conf:ro", "/srv/r.conf:/etc/r.conf:ro")
    assert paths(where) == ["/srv/r.conf"]
    assert paths(where, ("/app/app.ini",)) == ["/srv/app/app.ini", "/srv/r.conf"]
    assert paths(where, ("/etc/x.conf",)) == ["/srv/app/x.conf", "/srv/r.conf"]
    assert paths(where, ()) == [], "none at all"


def test_what_another_container_writes_changes_all_the_time() -> None:
    reader = host("/srv/gen:/etc/nginx/conf.d:ro", "/srv/n.conf:/etc/nginx/nginx.conf:ro")
    assert paths(reader, None, host("/srv/gen:/out")) == ["/srv/n.conf"]


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("/var/run/docker.sock", True),
        ("/etc/localtime", True),
        ("/etc/passwd", True),
        ("/proc/stat", True),
        ("/", True),
        ("/etc/nginx/nginx.conf", False),
        ("/etc/nginx.d", False),
        ("/etc/sudoers.d", True),
        ("/srv/ann/.ssh/config", True),
        ("/srv/.kube", True),
        ("/srv/app/app.conf", False),
    ],
)
def test_what_the_machine_lives_by(path: str, is_so: bool) -> None:
    assert is_of_machine(path) is is_so
    assert bool(paths(host(f"{path}:/x:ro"))) is not is_so


def test_sockets_by_any_name_are_none() -> None:
    assert paths(host("/srv/app.sock:/app.sock:ro")) == []


class Told:
    """An engine that knows one container, and where it keeps all."""

    is_socket = True

    def __init__(self, own: dict[str, Any] | None, root: Path) -> None:
        self.own, self.root = own, root

    async def get(self, path: str) -> Any:
        if path == "info":
            return {"DockerRootDir": str(self.root)}
        return self.own


def seen_from(
    tmp_path: Path, own: dict[str, Any] | None = None, *, is_here: bool = True, **place: Any
) -> HostPaths:
    inside, mounts = tmp_path / ".dockerenv", tmp_path / "mountinfo"
    mounts.write_text(f"1 2 0:1 / / rw - {place.get('root', 'ext4')} x rw\n")
    if place.get("is_inside"):
        inside.touch()
    root = tmp_path if place.get("has_root", True) else tmp_path / "gone"
    engine = cast("Engine", Told(own, root))
    nearness = Nearness(engine, inside=inside)
    nearness.is_here, nearness.own = is_here, own
    found = HostPaths(engine, nearness, mounts)
    asyncio.run(found.open())
    return found


def test_on_the_host_all_is_where_it_is(tmp_path: Path) -> None:
    assert seen_from(tmp_path).of("/srv/a") == ("/srv/a", "")


def test_far_away_nothing_is(tmp_path: Path) -> None:
    assert seen_from(tmp_path, is_here=False).of("/srv/a") == ("", FAR)


def test_in_a_container_what_is_mounted(tmp_path: Path) -> None:
    mounts = [
        {"Type": "bind", "Source": "/srv", "Destination": "/srv"},
        {"Type": "bind", "Source": "/srv/app/conf", "Destination": "/conf"},
        {"Type": "volume", "Source": "/var/lib/docker/volumes/x", "Destination": "/data"},
    ]
    found = seen_from(tmp_path, {"Mounts": mounts}, is_inside=True)
    assert found.of("/srv/app/conf/a") == ("/conf/a", "")
    assert found.of("/srv/other") == ("/srv/other", "")
    assert found.of("/srvother") == ("", UNSEEN)
    assert found.of("/etc/app") == ("", UNSEEN)


@pytest.mark.parametrize(
    ("place", "is_ours"),
    [
        ({"root": "overlay"}, False),
        ({"has_root": False}, False),
        ({}, True),
    ],
)
def test_who_bears_the_hosts_name_in_a_container_is_not_taken_for_it(
    tmp_path: Path, place: dict[str, Any], is_ours: bool
) -> None:
    found = seen_from(tmp_path, is_inside=True, **place).of("/srv/a")
    assert (found[0] != "") is is_ours


@pytest.mark.parametrize(
    ("path", "is_secret", "is_so"),
    [
        ("/srv/shop/compose.yaml", False, True),
        ("/srv/shop/docker-compose.override.yml", False, True),
        ("/etc/shadow", False, False),
        ("/etc/shadow", True, False),
        ("/srv/shop/.env", True, True),
        ("/srv/shop/prod.env", True, True),
        ("/root/.ssh/id_ed25519", True, False),
    ],
)
def test_labels_name_files_of_compose_alone(path: str, is_secret: bool, is_so: bool) -> None:
    """They may come from an image that anybody made."""
    assert is_of_a_stack(path, is_secret=is_secret) is is_so
