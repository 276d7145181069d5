"""Whose word a label is, and who is the tool beside us: neither an image nor we ourselves."""

from __future__ import annotations

from dataclasses import replace
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


def _built(labels: dict[str, str], **given: str) -> Discovered:
    """A container of an image with these labels; `given` are its owner's own."""
    own = {"everup." + name: value for name, value in given.items()}
    made = document("web", labels={**labels, **own}, mounts=(VOLUME,))
    return discover([{**made, "ImageLabels": labels}])["shop"]


VOLUME = {"Type": "volume", "Name": "data", "Destination": "/data"}
LOOSENING = {
    "autoheal": "true",
    "everup.mode": "auto",
    "everup.mode.recreate": "auto",
    "everup.stateful": "false",
    "everup.rollback_safe": "true",
    "everup.one_shot": "false",
    "everup.when_stopped": "heal",
    "everup.start_period": "1",
    "everup.stop_grace": "0",
    "everup.max_instances": "9",
    "everup.depends_on": "db:none",
    "everup.probe": "tcp://:9",
    "everup.cache_clear": "redis:purge",
    "everup.hook.busy": "true",
    "everup.health_threshold": "1",
}


def test_an_image_loosens_nothing() -> None:
    plain = discover([document("web", mounts=(VOLUME,))])["shop"].stack.services["web"]
    found = _built(LOOSENING)
    assert replace(found.stack.services["web"], natures=()) == replace(plain, natures=())
    assert all(f"label {name} " in said(found) for name in LOOSENING)


def test_what_an_image_holds_back_is_held_back() -> None:
    labels = {"everup.mode": "approve", "everup.one_shot": "true", "everup.probe": "none"}
    labels |= {"everup.freeze": "moving", "everup.stateful": "true", "everup.mode.recreate": "?"}
    spec = _built(labels).stack.services["web"]
    assert (spec.mode, spec.modes) == (Mode.OBSERVE, {ActionKind.RECREATE: Mode.OBSERVE})
    assert spec.frozen_by_label == "label everup.freeze: moving"
    assert (spec.is_stateful, spec.is_one_shot, bool(spec.unasked_because)) == (True, True, True)
    assert _built({"everup.enable": "false"}).left_out == ("web",)
    assert _built({"everup.freze": "true"}).stack.services["web"].mode is Mode.OBSERVE


def test_what_its_owner_says_otherwise_counts() -> None:
    found = _built({"everup.mode": "observe", "everup.stateful": "yes"}, mode="auto", stateful="no")
    spec = found.stack.services["web"]
    assert (spec.mode, spec.is_stateful) == (Mode.AUTO, False)


def test_an_image_that_cannot_be_read_may_have_said_it_all() -> None:
    made = document("web", labels={"everup.mode": "auto", "autoheal": "true"})
    spec = discover([{**made, "ImageLabels": None}])["shop"].stack.services["web"]
    assert (spec.mode, spec.modes) == (None, {})
