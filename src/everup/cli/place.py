"""Where Everup lives for this command: the file, the state folder and the address.

The address is, in this order: `--url`, EVERUP_URL, what the running `everup up` of the state folder
wrote down, EVERUP_LISTEN, http://127.0.0.1:8010. The last one is not for a folder with a
configuration of its own: what answers there would be the Everup of another stack.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from everup.cli import runfile
from everup.cli.exits import UNREACHABLE, Stop

DEFAULT_URL = "http://127.0.0.1:8010"
STATE_FOLDER = ".everup"
PROJECTS_FOLDER = "everup"
FILE_NAMES = ("everup.yaml", "everup.yml")


@dataclass(frozen=True, slots=True)
class Place:
    """What the global options said."""

    file: Path | None = None
    state_dir: Path | None = None
    url: str | None = None
    is_json: bool = False
    project: str | None = None

    def folder(self) -> Path:
        """The state folder: named, that of the project which is named or is the one watched without
        a file, or `.everup` beside the configuration."""
        named = self.names_a_folder()
        if named:
            return Path(named).absolute()
        if self.project and not self.names_a_file():
            of_project = state_base() / self.project
            if self.is_without_file() or runfile.find(of_project) is not None:
                return of_project
        if self.is_without_file() and (found := _of_the_only_project()):
            return found
        chosen = self._chosen()
        beside = chosen if chosen.is_dir() else chosen.parent
        return beside.absolute() / STATE_FOLDER

    def address(self) -> str:
        """Where to ask.

        Raises:
            Stop: 3 when the Everup of this folder's configuration does not run.
        """
        named = self.url or os.environ.get("EVERUP_URL", "").strip()
        if named:
            return named.rstrip("/")
        running = runfile.find(self.folder())
        if running is not None:
            return running.address
        listen = os.environ.get("EVERUP_LISTEN", "").strip()
        if listen:
            return f"http://127.0.0.1:{listen}" if listen.isdigit() else f"http://{listen}"
        if self.project and self.is_without_file():
            raise Stop(
                UNREACHABLE,
                f"Everup does not run for the project {self.project}.\n"
                f"Start it with: everup up --project {shlex.quote(self.project)}     "
                "or name another address with --url",
            )
        if own := self._own_file():
            raise Stop(
                UNREACHABLE,
                f"Everup does not run for {own}.\n"
                f"Start it with: everup up{self._as_option()}     "
                "or name another address with --url",
            )
        return DEFAULT_URL

    def is_without_file(self) -> bool:
        """Was no file named, and is there none in this folder?"""
        return not self.names_a_file() and self._own_file() is None

    def names_a_file(self) -> bool:
        """Was a file named, rather than found in this folder?"""
        return bool(self.file or os.environ.get("EVERUP_FILE", "").strip())

    def names_a_folder(self) -> str:
        """The state folder that was named; "" for none."""
        return str(self.state_dir or os.environ.get("EVERUP_STATE_DIR", "").strip() or "")

    def how_to_begin(self) -> str:
        """What to do where no Everup answers."""
        is_named = self.file or self.url or os.environ.get("EVERUP_URL", "").strip()
        if is_named or self._own_file():
            return "Start it with: everup up     or name another address with --url"
        return (
            "Start it with: everup up     or name your everup.yaml with -f, your project with "
            "--project, another address with --url"
        )

    def _own_file(self) -> Path | None:
        """The configuration that this command is about, if there is one at hand."""
        chosen = self._chosen()
        files = [chosen / name for name in FILE_NAMES] if chosen.is_dir() else [chosen]
        return next((file for file in files if file.is_file()), None)

    def _as_option(self) -> str:
        return "" if self.file is None else f" -f {shlex.quote(str(self.file))}"

    def _chosen(self) -> Path:
        return Path(self.file or os.environ.get("EVERUP_FILE", "").strip() or ".")


def state_base() -> Path:
    """Where state lies that belongs to no file: one folder for each project below it."""
    named = os.environ.get("XDG_STATE_HOME", "").strip()
    if named:
        return Path(named) / PROJECTS_FOLDER
    if os.geteuid() == 0:
        return Path("/var/lib") / PROJECTS_FOLDER
    return Path.home() / ".local" / "state" / PROJECTS_FOLDER


def watched_projects() -> list[Path]:
    """The folders of the projects that an Everup watches right now without a file."""
    try:
        folders = sorted(path for path in state_base().iterdir() if path.is_dir())
    except OSError:
        return []
    return [path for path in folders if runfile.find(path) is not None]


def _of_the_only_project() -> Path | None:
    """The folder of the only Everup that runs without a file, if there is exactly one."""
    running = watched_projects()
    return running[0] if len(running) == 1 else None
