"""Options that several verbs share, and what turns a function into a verb.

Flows in: a function that returns an exit code. Flows out: what Typer can call. A verb that asks an
Everup takes a `place`; on the command line that is the five options which say where to ask and how
to answer. Called by `verbs`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from everup.cli.exits import Stop
from everup.cli.place import Place

P = ParamSpec("P")
Verb = Callable[..., None]


def _services(context: typer.Context, incomplete: str) -> list[str]:
    from everup.cli.completion import services

    return [name for name in services(context.params) if name.startswith(incomplete)]


def modes(incomplete: str) -> list[str]:
    """The modes that go on like this."""
    from everup.config.careful import Pace

    return [pace.value for pace in Pace if pace.value.startswith(incomplete)]


def crafts(incomplete: str) -> list[str]:
    """What models are for, as far as it goes on like this."""
    from everup.model.learned import Craft

    return [craft.value for craft in Craft if craft.value.startswith(incomplete)]


def kinds(incomplete: str) -> list[str]:
    """The kinds of recovery that go on like this."""
    from everup.model.kinds import RECOVERY_KINDS

    return [kind for kind in ("restart", *RECOVERY_KINDS) if kind.startswith(incomplete)]


def _checks(incomplete: str) -> list[str]:
    from everup.model.decision import Check

    return [check.value for check in Check if check.value.startswith(incomplete)]


File = Annotated[
    Path | None, typer.Option("--file", "-f", help="everup.yaml, or the folder it is in.")
]
StateDir = Annotated[
    Path | None, typer.Option(help="State folder; .everup beside everup.yaml by default.")
]
Url = Annotated[str | None, typer.Option(help="Address of a running Everup.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")]
Wait = Annotated[float, typer.Option(min=0, max=300, help="Seconds to wait for the outcome.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the journal.")]
Override = Annotated[
    list[str] | None,
    typer.Option(help="A check of the gate to pass over; needs --reason.", autocompletion=_checks),
]
Project = Annotated[
    str | None,
    typer.Option(envvar="EVERUP_PROJECT", help="A Compose project on this host's engine."),
]
Service = Annotated[str, typer.Argument(help="A service of the stack.", autocompletion=_services)]
Scope = Annotated[
    str | None, typer.Argument(help="A service; the whole stack without.", autocompletion=_services)
]

PLACE = tuple(
    Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=option)
    for name, option, default in (
        ("file", File, None),
        ("state_dir", StateDir, None),
        ("url", Url, None),
        ("as_json", Json, False),
        ("project", Project, None),
    )
)
"""The fields of a Place as options, in its order."""


def ends(verb: Callable[P, int]) -> Callable[P, None]:
    """A verb returns its exit code, or raises Stop with a message."""

    @wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = verb(*args, **kwargs)
        except Stop as stop:
            print(f"everup: {stop}", file=sys.stderr)
            code = stop.code
        raise typer.Exit(code)

    return run


def asks(verb: Callable[..., int]) -> Verb:
    """As `ends`, for a verb with a `place`: its options stand where `place` stands."""

    @wraps(verb)
    def with_place(**given: Any) -> int:
        place = Place(*(given.pop(option.name) for option in PLACE))
        return verb(place=place, **given)

    taken: list[Parameter] = []
    for parameter in signature(verb, eval_str=True).parameters.values():
        taken += PLACE if parameter.name == "place" else [parameter]
    run = ends(with_place)
    vars(run)["__signature__"] = signature(verb).replace(parameters=taken)
    run.__annotations__ = {option.name: option.annotation for option in taken}
    return run
