"""`everup suggest`: what a Compose project lacks, as a file that Compose lays over the owner's own.

To standard output, or to a file that does not exist yet; never into a Compose file. What a person
should know stands in the file, and how many services can be judged on standard error too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from everup.app.suggest import FILE, Close, compose_yaml, look_closely, router_files, suggest
from everup.app.suggest.router import COMPOSE_FILE, CONFIGURATION, FOLDER
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.finding import choose
from everup.cli.show import clean
from everup.config import ConfigError
from everup.model.errors import EverupError, TryAgain


def put_suggestion(project: str | None, output: Path | None) -> int:
    """0: written, or nothing is missing."""
    _refuse_what_is_there(output)
    found = _look(project)
    suggestion = suggest(found, str(output.absolute()) if output else FILE)
    if not suggestion.advice:
        _say(f"{suggestion.project}: nothing to suggest. {suggestion.coverage}")
        for note in suggestion.notes:
            _say(f"note: {note}")
        return OK
    text = compose_yaml(suggestion)
    if output is None:
        sys.stdout.write(text)
        _say(f"{suggestion.project}: {suggestion.coverage}")
        return OK
    _write(output, text)
    _say(f"{suggestion.project}: {suggestion.coverage}")
    _say(f"{output} is written; read it, then: {suggestion.usage}")
    return OK


def put_router(project: str | None, output: Path | None, services: tuple[str, ...]) -> int:
    """A folder with a HAProxy's configuration and the Compose file that adds it. 0: written."""
    folder = output or Path(FOLDER)
    _refuse_what_is_there(folder)
    found = _look(project)
    unknown = sorted(set(services) - set(found.seen.stack.services))
    if unknown:
        known = ", ".join(sorted(found.seen.stack.services))
        raise Stop(USAGE, f"--service: there is no service {unknown[0]!r}; there are: {known}")
    files = router_files(found, services)
    for line in files.left_out:
        _say(f"left out: {line}")
    if not files.services:
        _say(
            "no service has several copies; name those that may have: --service NAME"
            if not services
            else "nothing to put a router before"
        )
        return UNWELL
    try:
        folder.mkdir()
    except OSError as error:
        raise Stop(USAGE, f"--output: {folder} cannot be made: {error.strerror}") from None
    _write(folder / CONFIGURATION, files.configuration)
    _write(folder / COMPOSE_FILE, files.compose)
    _say(f"{folder} is written, for {', '.join(files.services)}; read both files, then, in there:")
    _say(f"docker compose -p {found.seen.project.name} -f {COMPOSE_FILE} up -d")
    return OK


def _look(project: str | None) -> Close:
    try:
        return asyncio.run(look_closely(os.environ, lambda seen: choose(seen, project, "suggest")))
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from None
    except TryAgain as error:
        raise Stop(UNWELL, str(error)) from None
    except EverupError as error:
        raise Stop(USAGE, str(error)) from None


def _refuse_what_is_there(output: Path | None) -> None:
    """Before the engine is asked."""
    if output is not None and os.path.lexists(output):
        raise Stop(USAGE, f"--output: {output} is there already; name a file that is not")


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_what_is_there(output)
        raise
    except OSError as error:
        raise Stop(USAGE, f"--output: {output} cannot be written: {error.strerror}") from None


def _say(text: str) -> None:
    print(clean(text), file=sys.stderr)
