"""Open files of processes, against the limit of each."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

from everup.runtimes.descriptors import fullest


def proc(root: Path, pid: int, files: int, most: str) -> None:
    folder = root / str(pid)
    (folder / "fd").mkdir(parents=True)
    for number in range(files):
        (folder / "fd" / str(number)).touch()
    (folder / "limits").write_text(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             127                  127                  processes \n"
        f"Max open files            {most}                 524288               files     \n"
    )


def test_our_own_as_the_kernel_tells_them() -> None:
    before = fullest("/proc", [os.getpid()])
    handles = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
    after = fullest("/proc", [os.getpid()])
    for handle in handles:
        os.close(handle)
    assert after.opened >= before.opened + 40
    assert after.most == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_the_process_that_is_nearest_to_its_own_limit(tmp_path: Path) -> None:
    sizes = os.stat(tmp_path).st_size  # a folder on a disk has a size that is no number of files
    proc(tmp_path, 1, 3, "100000")
    proc(tmp_path, 2, 3, "5000")
    found = fullest(str(tmp_path), [1, 2, 77])
    assert found.most == 5000.0
    assert found.opened in (3.0, float(os.stat(tmp_path / "2" / "fd").st_size), float(sizes))


def test_who_may_not_be_looked_at_or_has_no_limit_is_unknown(tmp_path: Path) -> None:
    proc(tmp_path, 1, 3, "unlimited")
    assert math.isnan(fullest(str(tmp_path), [1]).ratio)
    assert math.isnan(fullest(str(tmp_path), [9]).ratio)
    assert math.isnan(fullest(str(tmp_path), []).opened)
