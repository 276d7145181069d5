"""`everup doctor`: can Everup work with the containers here, and what to do where it cannot.

Flows in: where Everup would run. Flows out: a table with a fix below each finding that has one, or
JSON; 0 when nothing is wrong, 1 when something is.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from everup.app import doctor as checks
from everup.app import runtime_names
from everup.app.doctor import Examined, Finding, State
from everup.cli import show
from everup.cli.exits import OK, UNWELL
from everup.cli.place import Place, state_base
from everup.config import ConfigError, Options, load_stack, load_without_file

STYLES = {State.OK: "green", State.WEAK: "yellow", State.WRONG: "bold red"}


def doctor(place: Place, listen: str | None) -> int:
    """0 when nothing is wrong."""
    options, problem = _options(place, listen)
    folder = options.state_dir
    if place.is_without_file() and not (place.state_dir or os.environ.get("EVERUP_STATE_DIR")):
        folder = state_base() / (place.project or "")
    at = options.host, options.port
    where = checks.Place(folder, *at, options.router, state_base())
    seen = asyncio.run(checks.examine(os.environ, where, place.project))
    if problem is not None:
        seen = Examined(seen.address, (*seen.findings, problem))
    if place.is_json:
        show.put_json(_document(seen))
    else:
        _put(seen)
    return OK if seen.is_well else UNWELL


def _options(place: Place, listen: str | None) -> tuple[Options, Finding | None]:
    """Those that Everup would run with; the defaults, and why, where they cannot be read."""
    given = {"listen": listen, "state_dir": place.state_dir and str(place.state_dir)}
    try:
        if place.is_without_file():
            return load_without_file(os.environ, given).options, None
        names = runtime_names()
        return load_stack(place.file, os.environ, given, runtimes=names).options, None
    except ConfigError as error:
        first, more = error.problems[0], len(error.problems) - 1
        text = f"{first}" + (f", and {more} more" if more else "")
        problem = Finding("configuration", State.WRONG, text, "everup check says it all")
        return load_without_file({}).options, problem


def _document(seen: Examined) -> Mapping[str, object]:
    findings = [asdict(finding) for finding in seen.findings]
    return {"ok": seen.is_well, "engine": seen.address, "findings": findings}


def _put(seen: Examined) -> None:
    """What is said of a project stands under its name."""
    out = show.console()
    out.print(Text(f"Can Everup work with {seen.address}?", "bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    heading = ""
    for finding in seen.findings:
        if _project(finding) != heading:
            heading = _project(finding)
            table.add_row()
            if heading:
                table.add_row("", Text("project", "bold"), Text(show.clean(heading), "bold"))
        state = Text(f"  {finding.state}", STYLES[finding.state])
        table.add_row(state, Text(finding.check), Text(show.clean(finding.text)))
        if finding.fix:
            table.add_row("", "", Text(f"→ {show.clean(finding.fix)}", "cyan"))
    out.print(table)
    out.print()
    out.print(_verdict(seen))


def _project(finding: Finding) -> str:
    return "" if finding.about.startswith("/") else finding.about


def _verdict(seen: Examined) -> Text:
    many = Counter(finding.state for finding in seen.findings)
    counts = ", ".join(f"{many[state]} {state}" for state in State if many[state])
    if many[State.WRONG]:
        return Text(f"{counts}: what is wrong has to be put right first", STYLES[State.WRONG])
    if many[State.WEAK]:
        text = f"{counts}: Everup can work here, and better with what is advised above"
        return Text(text, STYLES[State.WEAK])
    return Text(f"{counts}: Everup can work here", STYLES[State.OK])
