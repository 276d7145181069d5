"""Working areas: a folder for what an instance may lose, fresh whenever it is recreated.

Flows in: an instance, and whether its start is a fresh one. Flows out: the folder, which the
process knows as EVERUP_AREA. Of the old ones stay the one just replaced and the newest that served
an instance which ran for long: the last good one is never removed before its replacement is proven.
Blocks; runs in a thread. Only services that declare `releases` have areas.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from everup.runtimes import files
from everup.runtimes.processes.account import Account

AREA = "EVERUP_AREA"
PROVEN_S = 600.0
"""An instance that ran for so long, at true pace, has proven its area."""

GOOD = ".good"


def take(folder: Path, name: str, account: Account | None, *, is_fresh: bool) -> Path:
    """The instance's area, made when missing. Raises OSError."""
    home = _home(folder, name)
    numbers = _numbers(home)
    number = (numbers[-1] if numbers else 0) + (1 if is_fresh or not numbers else 0)
    area = home / str(number)
    area.mkdir(mode=files.FOLDER_MODE, exist_ok=True)
    if account is not None:
        os.chown(area, account.user_id, account.group_id)
    return area


def prove(folder: Path, name: str) -> None:
    """What uses the newest area has run for long. Raises OSError."""
    home = _home(folder, name)
    if numbers := _numbers(home):
        (home / f"{numbers[-1]}{GOOD}").touch()


def prune(folder: Path, name: str) -> None:
    """Remove all but the present area, the one before, and the newest good one."""
    home = _home(folder, name)
    numbers = _numbers(home)
    good = [n for n in numbers if (home / f"{n}{GOOD}").exists()]
    for number in set(numbers[:-2]) - set(good[-1:]):
        shutil.rmtree(home / str(number), ignore_errors=True)
        (home / f"{number}{GOOD}").unlink(missing_ok=True)


def _home(folder: Path, name: str) -> Path:
    home = folder / files.file_name(name, "")
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    return home


def _numbers(home: Path) -> list[int]:
    return sorted(int(path.name) for path in home.iterdir() if path.name.isdigit())
