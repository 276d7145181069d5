"""The verb about recorded history; `verbs` takes it in. What it does lives in `replaying`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from everup.cli.options import File, Json, ends, modes

Mode = Annotated[
    str | None, typer.Option(help="observe, approve, auto or careful.", autocompletion=modes)
]


@ends
def replay(
    history: Annotated[
        Path,
        typer.Argument(help="A state folder, Prometheus range data, a .csv or a .parquet file."),
    ],
    file: File = None,
    against: Annotated[
        Path | None, typer.Option(help="Another everup.yaml, to compare with.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Which metric or column is which signal (YAML).")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="The end of it alone: 12h, 7d; all of it without.")
    ] = None,
    mode: Mode = None,
    as_json: Json = False,
) -> int:
    """What would have been foretold and done over recorded history. Nothing is touched."""
    from everup.cli.replaying import replay as run_replay

    return run_replay(
        history, file, against, mapping=mapping, since=since, mode=mode, is_json=as_json
    )
