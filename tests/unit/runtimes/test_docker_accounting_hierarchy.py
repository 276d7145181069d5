"""A container's control group is found in every layout, by its whole id and nothing less."""

from __future__ import annotations

from pathlib import Path

import pytest

from everup.runtimes.docker.accounting import Accounting, Target, hierarchy
from everup.runtimes.docker.accounting.hierarchy import Version, detect, find, index, said_path
from tests.unit.runtimes import docker_trees as trees

LAYOUTS = {
    "cgroupfs": f"docker/{trees.ID}",
    "systemd": f"system.slice/docker-{trees.ID}.scope",
    "custom parent": f"shop/front/{trees.ID}",
    "custom slice": f"shop.slice/shop-front.slice/docker-{trees.ID}.scope",
    "rootless": f"user.slice/user-1000.slice/user@1000.service/user.slice/docker-{trees.ID}.scope",
    "podman": f"machine.slice/libpod-{trees.ID}.scope",
}


@pytest.mark.parametrize("path", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_layout_is_found_without_processes(tmp_path: Path, version: str, path: str) -> None:
    make = trees.make_v1 if version == "v1" else trees.make_v2
    make(tmp_path, path)
    accounting = Accounting(roots=trees.roots(tmp_path))
    target = Target(trees.ID, 99)
    assert accounting.read([target])[trees.ID].cpu_seconds == 2.5
    reach = accounting.reach([target])
    assert reach.is_host_visible
    assert reach.driver == ("systemd" if path.endswith(".scope") else "cgroupfs")
    assert not reach.are_processes_visible
    assert "pid" in reach.fix
    accounting.close()


def test_a_part_of_an_id_is_not_enough(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, f"docker/{trees.ID[:12]}")
    trees.make_v2(tmp_path, f"docker/{trees.ID}x")
    assert index(detect(str(tmp_path / "cgroup"))) == {}


def test_the_walk_does_not_go_into_containers_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.make_v2(tmp_path, f"a/{trees.ID}/docker/{trees.OTHER}")
    found = detect(str(tmp_path / "cgroup"))
    assert index(found) == {trees.ID: f"a/{trees.ID}"}
    monkeypatch.setattr(hierarchy, "FOLDERS_MOST", 1)
    assert index(found) == {}


def test_what_proc_says_comes_first_and_is_no_way_out_of_the_tree(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, f"docker/{trees.ID}")
    trees.make_v2(tmp_path, f"elsewhere/{trees.ID}")
    found = detect(str(tmp_path / "cgroup"))
    said = find(found, trees.ID, f"/elsewhere/{trees.ID}")
    assert said == {"": str(tmp_path / "cgroup" / "elsewhere" / trees.ID)}
    outside = find(found, trees.ID, f"/../elsewhere/{trees.ID}")
    assert outside == {"": str(tmp_path / "cgroup" / "docker" / trees.ID)}
    assert find(found, trees.OTHER, "/") is None


def test_the_line_of_memory_is_preferred_and_a_stranger_has_none() -> None:
    lines = f"9:name=systemd:/x/{trees.ID}\n4:memory:/docker/{trees.ID}\n0::/\n".encode()
    assert said_path(lines, trees.ID) == f"/docker/{trees.ID}"
    assert said_path(f"0::/../../docker-{trees.ID}.scope\n".encode(), trees.ID) is not None
    assert said_path(lines, trees.OTHER) is None
    assert said_path(b"0::/\n", trees.ID) is None


def test_versions(tmp_path: Path) -> None:
    trees.make_v1(tmp_path / "one", "docker")
    trees.make_v2(tmp_path / "two", "docker")
    trees.write(trees.make_v1(tmp_path / "both", "docker") / "unified", {"cgroup.controllers": ""})
    assert detect(str(tmp_path / "one" / "cgroup")).version is Version.V1
    assert detect(str(tmp_path / "two" / "cgroup")).version is Version.V2
    assert detect(str(tmp_path / "both" / "cgroup")).version is Version.HYBRID
    combined = str(tmp_path / "one" / "cgroup" / "cpu,cpuacct")
    assert detect(str(tmp_path / "one" / "cgroup")).trees["cpu"] == combined


def test_a_root_that_cannot_be_read_says_why_and_what_to_mount(tmp_path: Path) -> None:
    roots = trees.roots(tmp_path)
    (tmp_path / "cgroup").rmdir()
    accounting = Accounting(roots=roots)
    assert accounting.read([Target(trees.ID, 99)]) == {}
    reach = accounting.reach([Target(trees.ID, 99)])
    assert reach.version is None
    assert f"{roots.cgroup} cannot be read: No such file or directory" in reach.why_not
    assert "/sys/fs/cgroup:/host/sys/fs/cgroup:ro" in reach.fix


def test_a_containers_own_view_is_told_from_the_hosts(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, "docker")
    accounting = Accounting(roots=trees.roots(tmp_path))
    assert accounting.reach().is_host_visible
    trees.write(tmp_path / "cgroup", {"cgroup.events": "populated 1\n"})
    reach = accounting.reach()
    assert not reach.is_host_visible
    assert "shows no control groups of the containers" in reach.why_not
