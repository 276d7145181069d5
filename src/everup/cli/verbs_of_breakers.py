"""The verb about breakers; `verbs` takes it in. What it does lives in `breakers`."""

from __future__ import annotations

from typing import Annotated

import typer

from everup.cli.options import Reason, asks
from everup.cli.place import Place


@asks
def breakers(
    service: Annotated[str | None, typer.Argument(help="With --close: who calls.")] = None,
    target: Annotated[str | None, typer.Argument(help="With --close: whom it calls.")] = None,
    is_well: Annotated[
        bool, typer.Option("--close", help="It is well: close it, and forget its openings.")
    ] = False,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """The breakers of critical dependencies: which are open, why and until when."""
    from everup.cli import breakers as shown

    if is_well:
        return shown.close(place, *shown.both(service, target), reason)
    return shown.put_breakers(place)
