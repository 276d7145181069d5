"""Whose word a label is, and who is the tool beside us: neither an image nor we ourselves."""

from __future__ import annotations

from typing import Any

import pytest

from everup.model.kinds import ActionKind, Mode
from everup.runtimes.docker.discovery import Discovered
from tests.unit.runtimes.docker.discovery.worlds import discover, document, said

RESTARTS = (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART)
SOCKET = {"Type": "bind", "Source": "/run/docker.sock", "Destination": "/var/run/docker.sock"}


def _switched(**changes: Any) -> dict[str, Any]:
    """Everup's image in autoheal's place, with its name, variables and socket."""
    return document(
        "autoheal",
        image="everup",
        env={"AUTOHEAL_CONTAINER_LABEL": "all"},
        mounts=(SOCKET,),
        **changes,
    )


@pytest.mark.parametrize("is_known_by", ["its label", "its id"])
def test_everup_in_autoheals_place_leaves_nothing_to_itself(is_known_by: str) -> None:
    labels = {"everup.own": "true"} if is_known_by == "its label" else {}
    ours, web = _switched(labels=labels), document("web", labels={"autoheal": "true"})
    found = discover(
        [ours, web],
        environ={"AUTOHEAL_CONTAINER_LABEL": "all"},
        own_id=ours["Id"] if is_known_by == "its id" else "",
    )["shop"]
    assert found.stack.services["web"].modes == dict.fromkeys(RESTARTS, Mode.AUTO)
    assert "autoheal runs as" not in said(found)


def test_a_stranger_by_that_name_is_the_tool() -> None:
    web = document("web", labels={"autoheal": "true"})
    found = discover([_switched(), web])["shop"]
    assert found.stack.services["web"].modes == dict.fromkeys(RESTARTS, Mode.OBSERVE)
