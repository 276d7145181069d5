"""Which mounts are disks, what the kernel says of them; one that hangs holds nobody up."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everup.model.disk import Disk
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.stack import Limits, ServiceSpec, Stack
from everup.runtimes.disks import HANGING_MOST, DiskReader, Place, disk_of
from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.disks import (
    LAYERS,
    MOUNTS_MOST,
    Disks,
    Mount,
    mounted_at,
    see,
    writable,
)
from tests.unit.clocks import StepClock

STARTED, LATER = "2026-01-01T00:00:00.000000000Z", "2026-01-02T00:00:00.000000000Z"

MOUNTINFO = rb"""1 0 0:40 / / rw,relatime - overlay overlay rw
2 1 0:52 / /data rw,relatime - tmpfs tmpfs rw,size=8192k
3 1 8:1 /x /conf ro,relatime - ext4 /dev/sda1 rw
4 1 8:1 /y /with\040space rw - ext4 /dev/sda1 rw
5 1 0:6 / /devices rw - devtmpfs udev rw
6 1 0:53 / /data/inner ro - tmpfs tmpfs ro
7 1 8:2 / /twice rw - xfs /dev/sda2 rw
8 7 8:3 / /twice ro - xfs /dev/sda3 ro
"""


def mount(kind: str, where: str, *, name: str = "", source: str = "", rw: bool = True) -> Any:
    return {"Type": kind, "Name": name, "Source": source, "Destination": where, "RW": rw}


def test_writable_volumes_and_binds_are_disks_and_own_tmpfs_is_not() -> None:
    document = {
        "HostConfig": {"Tmpfs": {"/own": "size=8m"}},
        "Mounts": [
            mount("volume", "/data", name="shop_data"),
            mount("bind", "/logs/", source="/var/log/shop"),
            mount("bind", "/conf", source="/etc/shop", rw=False),
            mount("tmpfs", "/scratch"),
            mount("volume", "/own", name="x"),
            mount("volume", "/any", name="0123456789abcdef" * 4),
        ],
    }
    assert writable(document) == (
        Mount("/data", "shop_data"),
        Mount("/logs", "/var/log/shop"),
        Mount("/any", "0123456789ab"),
    )


@pytest.mark.parametrize("odd", [{}, {"Mounts": None}, {"Mounts": "x"}, {"Mounts": [{}]}])
def test_odd_documents_have_no_disks(odd: dict[str, Any]) -> None:
    assert writable(odd) == ()


def test_only_so_many_are_looked_at() -> None:
    many = {"Mounts": [mount("volume", f"/{n}", name=str(n)) for n in range(50)]}
    assert len(writable(many)) == MOUNTS_MOST


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("/data", ("0:52", "tmpfs")),
        ("/with space", ("8:1", "ext4")),
        ("/conf", None),
        ("/devices", None),
        ("/twice", None),
        ("/linked/data", None),
    ],
)
def test_the_kernel_must_list_it_there_for_writing(
    where: str, found: tuple[str, str] | None
) -> None:
    assert mounted_at(MOUNTINFO, where) == found


def test_a_process_that_is_not_the_containers_is_not_looked_through(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "cgroup").write_text("0::/docker/" + "b" * 64)
    assert see(str(tmp_path), 7, "a" * 64, Mount("/data", "x"), 1.0) is None
    assert see(str(tmp_path), 0, "a" * 64, Mount("/data", "x"), 1.0) is None


def test_what_is_kept_back_counts_for_root_alone(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_PATH)
    try:
        sights = [
            disk_of(descriptor, "/d", "v", "8:1", is_root=root, counts_files=True, at_s=1.0)
            for root in (True, False)
        ]
    finally:
        os.close(descriptor)
    as_root, as_other = sights
    assert as_root is not None
    assert as_other is not None
    assert as_root.free_bytes >= as_other.free_bytes >= 0
    assert as_root.size_bytes == as_other.size_bytes > 0


def test_a_disk_that_hangs_is_left_out_and_comes_back() -> None:
    go = threading.Event()
    good = Place("good", lambda: Disk("/good"))

    def hang() -> Disk | None:
        go.wait(10)
        return Disk("/bad")

    async def story() -> None:
        reader = DiskReader(hangs_after_s=0.1, wait_s=0.05)
        began_s = time.monotonic()
        assert await reader.read([good, Place("bad", hang)]) == {"good": Disk("/good")}
        await asyncio.sleep(0.15)
        found = await reader.read([good, Place("bad", hang)])
        assert found == {"good": Disk("/good")}
        assert reader.hanging == {"bad"}
        assert time.monotonic() - began_s < 2.0
        go.set()
        deadline_s = time.monotonic() + 5
        while reader.hanging and time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)
        assert set(await reader.read([good, Place("bad", hang)])) == {"good", "bad"}

    asyncio.run(story())


def test_after_a_few_that_hang_nothing_is_asked_any_more() -> None:
    go, asked = threading.Event(), list[str]()

    def hang() -> Disk | None:
        asked.append("")
        go.wait(5)
        return None

    async def story() -> None:
        reader = DiskReader(hangs_after_s=0.02, wait_s=0.01)
        for n in range(HANGING_MOST + 3):
            await reader.read([Place(f"bad {n}", hang)])
            await asyncio.sleep(0.03)
        assert len(asked) == len(reader.hanging) == HANGING_MOST

    try:
        asyncio.run(story())
    finally:
        go.set()


def test_the_layer_is_seen_apart_from_the_disks() -> None:
    """Its disk explains no failure; all layers of an engine lie on one device."""
    document: dict[str, Any] = {
        "Id": "a" * 64,
        "Name": "/a",
        "State": {"Status": "running", "Running": True, "Pid": 1, "StartedAt": STARTED},
        "Config": {"Labels": {"com.docker.compose.service": "a"}},
        "Mounts": [{"Type": "volume", "Destination": "/data", "RW": True, "Name": "data"}],
    }
    container = parse(document)
    full = Disk("/", device="0:57", size_bytes=100.0, free_bytes=1.0)
    sights = {"/data": Disk("/data", "data", "8:1", 100.0, 60.0), "/": full}

    class Reader(DiskReader):
        async def read(self, places: Sequence[Place]) -> Mapping[str, Disk | None]:
            return {place.key: sights[place.key.partition(":")[2]] for place in places}

    what = Stack("s", {"a": ServiceSpec("a", limits=Limits(connections=50.0))})
    disks = Disks(StepClock(), 1.0, what, Reader())
    asyncio.run(disks.read([container]))
    seen = Instance("a", "a", container.identity, InstanceState.RUNNING)
    found = disks.on(seen, container)
    assert found.disk == sights["/data"]
    assert found.resources.layer == replace(full, device=LAYERS)
    assert found.resources.connections_most == 50.0
    another = parse({**document, "State": {**document["State"], "StartedAt": LATER}})
    assert disks.on(seen, another).disk is None, "another life was not looked at yet"
