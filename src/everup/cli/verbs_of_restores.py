"""The verbs about what is kept of the whole stack, and going back to it; `verbs` takes them in.
What they do lives in `snapshots` and `restoring`, imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from everup.cli.options import Override, Reason, Wait, asks
from everup.cli.place import Place

snapshots = typer.Typer(
    name="snapshot", help="What the whole stack ran from, and back to it.", no_args_is_help=True
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


SnapshotId = Annotated[str, typer.Argument(help="A snapshot's id.")]


@snapshots.command(name="list")
@asks
def list_snapshots(*, place: Place) -> int:
    """What is kept of the whole stack, newest first."""
    from everup.cli import snapshots as kept

    return kept.put_list(place)


@snapshots.command(name="create")
@asks
def create_snapshot(
    with_dumps: Annotated[
        bool, typer.Option("--with-dumps", help="Run the services' dump hooks before it.")
    ] = False,
    wait: Wait = 60,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """Record the whole stack now."""
    from everup.cli import snapshots as kept

    return kept.create(place, reason, wait, with_dumps=with_dumps)


@snapshots.command(name="show")
@asks
def show_snapshot(snapshot: SnapshotId, *, place: Place) -> int:
    """What one holds of each service."""
    from everup.cli import snapshots as kept

    return kept.put_one(place, snapshot)


@snapshots.command(name="diff")
@asks
def diff_snapshots(
    first: SnapshotId,
    second: Annotated[str, typer.Argument(help="Another one; or now.")] = "now",
    *,
    place: Place,
) -> int:
    """What changed from one to another, per service and by whose hand."""
    from everup.cli import snapshots as kept

    return kept.put_diff(place, first, second)


@snapshots.command(name="verify")
@asks
def verify_snapshots(*, place: Place) -> int:
    """Read everything that is kept; 1 when something is damaged or missing, with its name."""
    from everup.cli import snapshots as kept

    return kept.verify(place)


@snapshots.command(name="restore")
@asks
def restore_snapshot(
    snapshot: Annotated[str, typer.Argument(help="The snapshot's id.")],
    services: Annotated[
        list[str] | None, typer.Argument(help="Only these services of it; all without.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Wait = 300,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Go back to a snapshot, one service after the other; on failure back to where it was."""
    from everup.cli.restoring import of_snapshot
    from everup.cli.restoring import restore as run_restore

    path, names = of_snapshot(snapshot), services or []
    return run_restore(place, path, names, wait, reason, override, is_dry=dry_run, is_sure=yes)


@asks
def restores(
    restore: Annotated[str | None, typer.Argument(help="One of them; all without.")] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Have it put back what it has changed.")
    ] = False,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """Services that go back together: how far each restore is, and how it ended."""
    from everup.cli.restoring import restores as run_restores

    return run_restores(place, restore, reason, is_undo=undo)
