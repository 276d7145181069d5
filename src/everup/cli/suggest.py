"""`everup suggest`: what a Compose project lacks, as a file that Compose lays over the owner's own.

To standard output, or to a file that does not exist yet; never into a Compose file. What a person
should know stands in the file, and how many services can be judged on standard error too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from everup.app.suggest import FILE, compose_yaml, look_closely, suggest
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.finding import choose
from everup.cli.show import clean
from everup.config import ConfigError
from everup.model.errors import EverupError, TryAgain


def put_suggestion(project: str | None, output: Path | None) -> int:
    """0: written, or nothing is missing."""
    _refuse_what_is_there(output)
    try:
        found = asyncio.run(look_closely(os.environ, lambda seen: choose(seen, project, "suggest")))
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from None
    except TryAgain as error:
        raise Stop(UNWELL, str(error)) from None
    except EverupError as error:
        raise Stop(USAGE, str(error)) from None
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
