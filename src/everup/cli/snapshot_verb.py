"""`everup snapshot` with its options. What it does lives in `snapshots`, imported when it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from everup.cli.options import Reason, Wait, asks
from everup.cli.place import Place


class Kept(StrEnum):
    """What may be done with what is kept of the stack."""

    LIST = "list"
    CREATE = "create"
    SHOW = "show"
    DIFF = "diff"
    VERIFY = "verify"


@asks
def snapshot(
    what: Annotated[Kept, typer.Argument(help="list, create, show, diff or verify.")] = Kept.LIST,
    first: Annotated[str | None, typer.Argument(help="A snapshot, to show or compare.")] = None,
    second: Annotated[str, typer.Argument(help="Another one, to compare; or now.")] = "now",
    with_dumps: Annotated[
        bool, typer.Option("--with-dumps", help="Run the services' dump hooks before it.")
    ] = False,
    wait: Wait = 60,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """What is kept of the whole stack: list it, take one, look into one, compare, verify."""
    from everup.cli import snapshots
    from everup.cli.exits import USAGE, Stop

    if what in (Kept.SHOW, Kept.DIFF):
        if first is None:
            raise Stop(USAGE, f"everup snapshot {what} needs one; everup snapshot list shows them")
        if what is Kept.SHOW:
            return snapshots.put_one(place, first)
        return snapshots.put_diff(place, first, second)
    if first is not None:
        raise Stop(USAGE, f"everup snapshot {what} takes nothing more; {first!r} was given")
    if what is Kept.CREATE:
        return snapshots.create(place, reason, wait, with_dumps=with_dumps)
    if what is Kept.VERIFY:
        return snapshots.verify(place)
    return snapshots.put_list(place)
