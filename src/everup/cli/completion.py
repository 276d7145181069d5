"""`everup completion SHELL`, and what the shell then asks for at each press of Tab.

Flows in: a shell's name, or the options typed so far. Flows out: a script, or names of services
from the running Everup, else from everup.yaml. Nothing here fails loudly: whoever presses Tab wants
no error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from everup.cli.exits import OK, Stop
from everup.cli.place import Place

PROGRAM = "everup"
VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"
ANSWER_S = 1.0


def install_parser() -> None:
    """Have Typer understand the shells' questions; `--help` and all verbs need none of it."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def put_script(shell: str) -> int:
    """Print the script for this shell; it asks `everup` itself, and no network."""
    print(script(shell))
    return OK


def script(shell: str) -> str:
    """The script itself."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    return str(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))


def services(given: Mapping[str, Any]) -> list[str]:
    """Names of services, for the stack that the options so far are about."""
    project = given.get("project")
    place = Place(given.get("file"), given.get("state_dir"), given.get("url"), project=project)
    return _running(place) or _declared(place)


def _running(place: Place) -> list[str]:
    import httpx2

    from everup.cli.tokens import bearer
    from everup.cli.trust import trust
    from everup.config.service import is_name

    try:
        url = place.address()
        with httpx2.Client(timeout=ANSWER_S, trust_env=False, verify=trust(url)) as client:
            answer = client.get(url + "/health-scores", headers=bearer(place, url)).json()
        names = list(answer["services"])
    except (Stop, httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError):
        return []
    # A shell may evaluate what it is given, and what answers may be anybody.
    return [name for name in names if is_name(str(name))]


def _declared(place: Place) -> list[str]:
    from everup.app.plugins import runtime_names
    from everup.config import ConfigError, load_stack

    try:
        return list(load_stack(place.file, os.environ, runtimes=runtime_names()).stack.services)
    except ConfigError:
        return []
