"""The verbs about a project of containers: what is missing in it, and rehearsals; `verbs` takes
them in. What they do lives in modules of their own, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from everup.cli.options import File, Project, Service, ends
from everup.cli.place import Place


@ends
def suggest(
    project: Project = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file that is not there yet; else standard output."),
    ] = None,
    router: Annotated[
        bool, typer.Option("--router", help="A HAProxy for services of several copies instead.")
    ] = False,
    service: Annotated[
        list[str] | None, typer.Option("--service", help="With --router: these alone.")
    ] = None,
) -> int:
    """Write missing healthchecks, limits and depends_on of a project as a Compose override file."""
    from everup.cli.suggest import put_router, put_suggestion

    if router:
        return put_router(project, output, tuple(service or ()))
    return put_suggestion(project, output)


def _faults(incomplete: str) -> list[str]:
    return [fault for fault in ("crash", "hang", "unhealthy") if fault.startswith(incomplete)]


@ends
def try_(
    service: Service,
    fault: Annotated[
        str, typer.Option(help="crash, hang or unhealthy.", autocompletion=_faults)
    ] = "crash",
    within: Annotated[
        float, typer.Option(min=10, max=600, help="Seconds until it should be healed.")
    ] = 300,
    file: File = None,
    project: Project = None,
) -> int:
    """Rehearse on a throw-away copy of a service: hurt it, and see Everup heal it."""
    from everup.cli.exits import USAGE, Stop
    from everup.cli.rehearsing import rehearsal
    from everup.runtimes.docker.rehearsal import Fault

    if fault not in list(Fault):
        raise Stop(USAGE, f"--fault: {fault!r} is none; write crash, hang or unhealthy")
    return rehearsal(Place(file), service, Fault(fault), project, within)
