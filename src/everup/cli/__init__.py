"""The command line: `everup VERB`. Typer reads the words, Rich prints, the API does the work.

`main` is the entry point. Verbs import what they need when they run, so that `--help` is quick.
Exit codes: 0 well, 1 unwell or refused, 2 wrong usage or configuration, 3 Everup does not answer.
"""

from __future__ import annotations

import gc
import os

MADE_BETWEEN_WALKS = 20_000
"""Modules that load make what stays: the collector need not look through it each 700 objects."""


def main() -> None:
    """Run the command line of this process; ends with its exit code."""
    gc.set_threshold(MADE_BETWEEN_WALKS)
    from everup.cli.completion import PROGRAM, VARIABLE, install_parser
    from everup.cli.verbs import app

    if VARIABLE in os.environ:
        install_parser()
        app(prog_name=PROGRAM)
    app()


__all__ = ["main"]
