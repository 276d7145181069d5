"""What the Everup that runs for a project says of its modes, which its own start has chosen.

Flows in: a project as it was found here. Flows out: a mode, or None where none runs or answers.
"""

from __future__ import annotations

from everup.cli import client, runfile
from everup.cli.exits import Stop
from everup.cli.place import Place
from everup.config import Loaded
from everup.model.kinds import ActionKind, Mode


def running_mode(
    loaded: Loaded, service: str | None = None, kind: ActionKind | None = None
) -> Mode | None:
    """That of the stack, or of one kind of action on one service."""
    folder = loaded.options.state_dir
    if runfile.find(folder) is None:
        return None
    try:
        found = client.get(Place(state_dir=folder), "/stack")
        if service is None or kind is None:
            return Mode(found["mode"])
        (said,) = [one for one in found["services"] if one["name"] == service]
        return Mode(said["modes"][kind])
    except (Stop, KeyError, ValueError):
        return None
