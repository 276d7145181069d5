"""Finds the stack on the engine where nobody wrote a file; asks once which one is meant.

Flows in: flags, perhaps a project's name, a person's answer. Flows out: a Loaded.
The answer is kept: the next start from the same state folder does not ask again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from everup.app import discover
from everup.app.discover import Found
from everup.cli.exits import UNWELL, USAGE, Stop
from everup.cli.place import state_base, watched_projects
from everup.cli.show import clean
from everup.config import ConfigError, Loaded, load_without_file
from everup.model.errors import EverupError, TryAgain
from everup.runtimes.docker.discovery import Discovered, Project, ProjectKind

CHOSEN_FILE = "project"
TRIES_MOST = 3
SERVICES_SHOWN_MOST = 8
QUESTIONS = {
    "up": "Which one should Everup watch? ",
    "suggest": "Which one should Everup suggest something for? ",
}


def find(
    flags: Mapping[str, object],
    wanted: str | None,
    refined: Loaded | None = None,
    *,
    is_told: bool = True,
    verb: str = "up",
) -> Loaded:
    """The project that is meant, as a stack. `refined`: with the word of this file over it; `verb`:
    for whom, in what is said.

    Raises:
        Stop: there is no engine or no project, or several and nobody to ask; or the file names
            what is not there.
        ConfigError: in its place, unless `is_told`.
    """
    return find_closely(flags, wanted, refined, is_told=is_told, verb=verb)[0]


def find_closely(
    flags: Mapping[str, object],
    wanted: str | None,
    refined: Loaded | None = None,
    *,
    is_told: bool = True,
    verb: str = "up",
) -> tuple[Loaded, Discovered]:
    """The same, with all that was seen of it."""
    why = "there is no everup.yaml here, and " if refined is None and not wanted else ""
    try:
        loaded = load_without_file(os.environ, flags) if refined is None else refined
        named = wanted or (loaded.refinement.project if loaded.refinement else None)
        found = asyncio.run(discover.look(os.environ))
        project = choose(found, named, verb)
        is_placed = flags.get("state_dir") or os.environ.get("EVERUP_STATE_DIR", "").strip()
        if refined is None and not is_placed:
            folder = state_base() / project.name
            loaded = replace(loaded, options=replace(loaded.options, state_dir=folder))
        loaded, seen = discover.load(found, project, loaded)
    except ConfigError as error:
        if not is_told:
            raise
        raise Stop(USAGE, str(error)) from None
    except TryAgain as error:
        raise Stop(UNWELL, f"{why}{error}") from None
    except EverupError as error:
        raise Stop(USAGE, f"{why}{error}") from None
    return loaded, seen


def choose(found: Found, wanted: str | None, verb: str = "up") -> Project:
    """The project that is meant: named, the only one, the one that is watched, the one chosen
    before, or asked for.

    Raises:
        Stop: there are several and nobody to ask.
        GiveUp, AskAHuman: none of this name, or none at all.
    """
    if wanted:
        return found.named(wanted)
    project = found.the_one()
    if project is not None:
        return project
    projects = [p for p in found.projects if p.services]
    watched = [path.name for path in watched_projects()] if verb != "up" else []
    kept = watched[0] if len(watched) == 1 else _kept()
    known = next((p for p in projects if p.name == kept), None)
    if known is not None:
        return known
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        names = ", ".join(p.name for p in projects)
        raise Stop(
            USAGE,
            f"several projects run on {found.address}: {names}.\n"
            f"Choose one: everup {verb} --project NAME   (or set EVERUP_PROJECT)",
        )
    return _ask(projects, verb)


def _ask(projects: Sequence[Project], verb: str) -> Project:
    console = Console()
    table = Table("", "project", "services", title="Several projects run here")
    for number, project in enumerate(projects, 1):
        table.add_row(str(number), clean(project.name) + _kind(project), _services(project))
    console.print(table)
    for _ in range(TRIES_MOST):
        answer = console.input(QUESTIONS.get(verb, QUESTIONS["up"])).strip()
        for number, project in enumerate(projects, 1):
            if answer in (str(number), project.name):
                _keep(project.name)
                return project
        console.print(f"Write a number from 1 to {len(projects)}, or a name.")
    raise Stop(USAGE, "no project was chosen; name one with --project")


def _kind(project: Project) -> str:
    if project.managed_by:
        return f" (by {project.managed_by}: observed only)"
    return " (started by hand)" if project.kind is ProjectKind.STANDALONE else ""


def _services(project: Project) -> str:
    names = [clean(name) for name in project.services]
    more = len(names) - SERVICES_SHOWN_MOST
    shown = ", ".join(names[:SERVICES_SHOWN_MOST])
    return f"{len(names)}: {shown}" + (f" and {more} more" if more > 0 else "")


def _file() -> Path:
    return state_base() / CHOSEN_FILE


def _kept() -> str:
    try:
        return _file().read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _keep(name: str) -> None:
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(name + "\n", encoding="utf-8")
    except OSError:
        return  # then it is asked again
