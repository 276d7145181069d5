"""`everup check`: the configuration read in full, every problem with its place and its fix."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

from everup.app import runtime_names
from everup.cli import show
from everup.cli.exits import OK, USAGE
from everup.config import ConfigError, Loaded, load_stack
from everup.config.schema import shipped


def check(file: Path | None, *, is_json: bool) -> int:
    """0 when it can be used, 2 when it cannot."""
    try:
        loaded = load_stack(file, os.environ, runtimes=runtime_names())
    except ConfigError as error:
        if is_json:
            problems = [asdict(problem) for problem in error.problems]
            show.put_json({"ok": False, "problems": problems, "warnings": []})
        else:
            print(error, file=sys.stderr)
        return USAGE
    if is_json:
        show.put_json(_summary(loaded))
        return OK
    stack = loaded.stack
    rows = [
        (
            name,
            spec.probe.kind if spec.probe else None,
            ", ".join(edge.target for edge in spec.depends_on),
            spec.instances,
            "yes" if spec.is_stateful else "",
            spec.mode or stack.mode,
        )
        for name, spec in stack.services.items()
    ]
    columns = ("service", "probe", "needs", "instances", "stateful", "mode")
    show.put_table(f"{stack.name}: {len(rows)} services", columns, rows)
    for line in (*loaded.warnings, *loaded.unused):
        show.console().print(f"note: {show.clean(line)}", markup=False)
    print(f"{loaded.options.file} can be used")
    return OK


def put_schema() -> int:
    """The JSON Schema of everup.yaml as it was shipped; needs no configuration."""
    sys.stdout.write(shipped())
    return OK


def _summary(loaded: Loaded) -> dict[str, object]:
    services = loaded.stack.services
    return {
        "ok": True,
        "stack": loaded.stack.name,
        "services": list(services),
        "dependencies": sum(len(spec.depends_on) for spec in services.values()),
        "mode": loaded.stack.mode.value,
        "problems": [],
        "warnings": [*loaded.warnings, *loaded.unused],
    }
