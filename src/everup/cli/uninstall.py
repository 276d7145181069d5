"""`everup uninstall`: lists every trace of Everup here, asks, removes it; the services run on.

Flows in: the place, perhaps a project's name. Flows out: what goes and what stays, each with its
reason. The running Everup is stopped first, so that it gives back what it holds. 0 when nothing of
it is left, 1 when something stays.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from everup.app import leaving
from everup.app.leaving import Home
from everup.app.rehearse import tidy_folders
from everup.cli import runfile, show
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.finding import CHOSEN_FILE
from everup.cli.loading import read
from everup.cli.place import Place, state_base

ENDS_WITHIN_S = 60.0
SHELLS = {
    "bash": "~/.local/share/bash-completion/completions/everup",
    "zsh": "~/.zfunc/_everup",
    "fish": "~/.config/fish/completions/everup.fish",
}
"""Where docs/cli.md has people put them."""


def uninstall(
    place: Place, project: str | None, *, is_all: bool, keeps_evidence: bool, is_sure: bool
) -> int:
    """0 when nothing of Everup is left."""
    homes = [home for home in _homes(place, project, is_all=is_all) if home.folder.is_dir()]
    files = _files(is_all=is_all, homes=homes)
    if not homes and not files:
        print("nothing of Everup is here")
        return OK
    _list(homes, files, keeps_evidence=keeps_evidence)
    if not is_sure and not _asked():
        return OK
    is_whole = True
    for home in homes:
        _stop(home)
        parting = asyncio.run(leaving.leave(home, keeps_evidence=keeps_evidence))
        _put("", parting.gone, "green")
        _put("stays: ", parting.stays, "yellow")
        is_whole = is_whole and parting.is_whole
    for file in files:
        file.unlink(missing_ok=True)
        _put("", [str(file)], "green")
    _put("", [str(folder) for folder in tidy_folders()], "green")
    if homes and not any(state_base().glob("*")):
        _remove_empty(state_base())
    print(
        "Everup has left; the services run on. The program itself: pip uninstall everup"
        if is_whole
        else "Everup has not left altogether: see what stays"
    )
    return OK if is_whole else UNWELL


def _homes(place: Place, project: str | None, *, is_all: bool) -> list[Home]:
    """The state folders that are meant.

    Raises:
        Stop: 2 where several could be.
    """
    base = state_base()
    below = sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []
    is_named = bool(place.state_dir or os.environ.get("EVERUP_STATE_DIR", "").strip())
    if is_named or not place.is_without_file():
        here = _declared(place, project)
        return [here, *(Home(path) for path in below if path != here.folder)] if is_all else [here]
    if is_all:
        return [Home(path) for path in below]
    if project is not None:
        if below and project not in [path.name for path in below]:
            known = ", ".join(path.name for path in below)
            raise Stop(USAGE, f"nothing of Everup is here for {project!r}; it watched: {known}")
        return [Home(base / project, project=project)]
    if len(below) > 1:
        names = ", ".join(path.name for path in below)
        raise Stop(USAGE, f"Everup watched several projects: {names}; add --project NAME or --all")
    return [Home(path) for path in below]


def _declared(place: Place, project: str | None) -> Home:
    """That of a file, or of a folder that was named; a file that cannot be read is no obstacle."""
    flags = {"state_dir": None if place.state_dir is None else str(place.state_dir)}
    folder = place.folder()
    if place.is_without_file():
        return Home(folder, project=project or "")
    try:
        loaded = read(place, flags, is_found=project is not None and place.names_a_file())
    except Stop:
        return Home(folder, project=project or "")
    return Home(
        loaded.options.state_dir,
        None if loaded.refinement is not None else loaded,
        loaded.options.log_directory,
        project or (loaded.refinement.project if loaded.refinement is not None else ""),
    )


def _files(*, is_all: bool, homes: Sequence[Home]) -> list[Path]:
    """Small files of this account outside of the state folders: the kept choice of a project, and
    completion scripts that are ours to the byte."""
    from everup.cli.completion import script

    found = []
    chosen = state_base() / CHOSEN_FILE
    names = {home.name for home in homes}
    if chosen.is_file() and (is_all or chosen.read_text("utf-8", "replace").strip() in names):
        found.append(chosen)
    logs = [home.logs for home in homes if home.logs is not None]
    found += [file for folder in logs for file in sorted(folder.glob("everup.log*"))]
    for shell, place in SHELLS.items():
        file = Path(place).expanduser()
        try:
            is_ours = file.read_text("utf-8").strip() == script(shell).strip()
        except (OSError, UnicodeDecodeError):
            is_ours = False
        found += [file] if is_ours else []
    return found


def _list(homes: Sequence[Home], files: Sequence[Path], *, keeps_evidence: bool) -> None:
    for home in homes:
        show.console().print(Text(f"Of Everup for {show.clean(home.name)}:", "bold"))
        running = runfile.find(home.folder)
        if running is not None:
            _put("", [f"process {running.pid} ({running.address}) is stopped, and gives back"])
        plan = asyncio.run(leaving.survey(home, keeps_evidence=keeps_evidence))
        _put("", plan.goes)
        _put("stays: ", ["the services, untouched", *plan.stays])
        if plan.fault:
            _put("", [f"what is on the engine is not known: {plan.fault}"], "yellow")
    if files:
        show.console().print(Text("Files:", "bold"))
        _put("", [str(file) for file in files])


def _asked() -> bool:
    """A person's yes.

    Raises:
        Stop: 2 where nobody can be asked.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Stop(USAGE, "nothing was removed; add --yes to remove all this")
    answer = show.console().input("Remove all this? [y/N] ").strip().lower()
    if answer in ("y", "yes"):
        return True
    print("nothing was removed")
    return False


def _stop(home: Home) -> None:
    running = runfile.find(home.folder)
    if running is None:
        return
    if runfile.send(running, runfile.STOP_ALONE, ENDS_WITHIN_S) is False:
        raise Stop(
            UNWELL,
            f"process {running.pid} still runs after {ENDS_WITHIN_S:.0f} s; nothing was removed",
        )
    _put("", [f"process {running.pid} has stopped"], "green")


def _put(head: str, lines: Sequence[str], style: str = "") -> None:
    for line in lines:
        show.console().print(Text(f"  {head}{show.clean(line)}", style), soft_wrap=True)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody else's now
