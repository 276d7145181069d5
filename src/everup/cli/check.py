"""`everup check`: the configuration read in full, every problem with its place and its fix.

What is found on an engine is shown as it would be watched: who needs whom and how that is known,
who can be judged. Where a file refines it and no engine answers, the file is checked alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from everup.app import runtime_names
from everup.cli import show
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.place import Place
from everup.cli.running import running_mode
from everup.config import ConfigError, Loaded, load_stack
from everup.config.found import FOUND
from everup.config.schema import shipped
from everup.model.stack import Dependency, ServiceSpec


def check(file: Path | None, *, is_json: bool, project: str | None = None) -> int:
    """0 when it can be used, 2 when it cannot."""
    from everup.cli.finding import find

    place = Place(file)
    if place.is_without_file() and (project or file is None):
        how = f"everup up --project {project}" if project else "everup up"
        return _said(
            find({}, project, verb="check"), f"the project {{}} can be watched: {how}", is_json
        )
    is_found = project is not None and place.names_a_file()
    try:
        loaded = load_stack(place.file, os.environ, runtimes=runtime_names(), is_found=is_found)
        if loaded.refinement is not None:
            loaded = _over_the_project(loaded, project)
    except ConfigError as error:
        if is_json:
            problems = [asdict(problem) for problem in error.problems]
            show.put_json({"ok": False, "problems": problems, "warnings": []})
        else:
            print(error, file=sys.stderr)
        return USAGE
    return _said(loaded, f"{loaded.options.file} can be used", is_json)


def _over_the_project(loaded: Loaded, project: str | None) -> Loaded:
    """The project with the file's word over it; the file alone where that cannot be had."""
    from everup.cli.finding import find

    try:
        return find({}, project, loaded, is_told=False, verb="check")
    except Stop as stop:
        note = f"{loaded.options.file} was checked alone: {stop}"
        return replace(loaded, warnings=(*loaded.warnings, note))


def _said(loaded: Loaded, verdict: str, is_json: bool) -> int:
    if is_json:
        show.put_json(_summary(loaded))
        return OK
    stack = loaded.stack
    is_found = stack.runtime == FOUND
    rows = [
        (
            name,
            spec.probe.kind if spec.probe else None,
            ", ".join(_edge(edge, is_found=is_found) for edge in spec.depends_on),
            spec.instances,
            "once" if spec.is_one_shot else "",
            "yes" if spec.is_stateful else "",
            spec.mode or stack.mode,
        )
        for name, spec in stack.services.items()
    ]
    columns = ("service", "probe", "needs", "instances", "runs", "stateful", "mode")
    show.put_table(f"{stack.name}: {len(rows)} services", columns, rows)
    for line in (*loaded.warnings, *loaded.unused):
        show.console().print(f"note: {show.clean(line)}", markup=False)
    judged, lasting = _coverage(list(stack.services.values()))
    if is_found and lasting:
        print(f"{judged} of {lasting} can be judged")
    if (mode := running_mode(loaded)) is not None:
        print(f"Everup runs for it now, in mode {mode}")
    print(verdict.format(stack.name) if "{}" in verdict else verdict)
    return OK


def put_schema() -> int:
    """The JSON Schema of everup.yaml as it was shipped; needs no configuration."""
    sys.stdout.write(shipped())
    return OK


def _edge(edge: Dependency, *, is_found: bool) -> str:
    """With its origin, where it was found rather than declared."""
    return f"{edge.target} ({edge.kind}, {edge.source})" if is_found else edge.target


def _coverage(services: Sequence[ServiceSpec]) -> tuple[int, int]:
    """Of how many that do not just run once more is seen than that they run, and how many."""
    lasting = [spec for spec in services if not spec.is_one_shot]
    return sum(spec.probe is not None for spec in lasting), len(lasting)


def _summary(loaded: Loaded) -> dict[str, object]:
    services = loaded.stack.services
    judged, lasting = _coverage(list(services.values()))
    return {
        "ok": True,
        "stack": loaded.stack.name,
        "services": list(services),
        "dependencies": sum(len(spec.depends_on) for spec in services.values()),
        "edges": [
            {"service": name, **asdict(edge)}
            for name, spec in services.items()
            for edge in spec.depends_on
        ],
        "one_shots": [name for name, spec in services.items() if spec.is_one_shot],
        "stateful": [name for name, spec in services.items() if spec.is_stateful],
        "coverage": {"judged": judged, "lasting": lasting},
        "mode": loaded.stack.mode.value,
        "running_mode": running_mode(loaded),
        "problems": [],
        "warnings": [*loaded.warnings, *loaded.unused],
    }
