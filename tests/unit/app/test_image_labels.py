"""Whose label it is, is asked of the image; one that is not shown may have said it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from everup.app import discover
from everup.model.errors import GiveUp
from everup.model.kinds import Mode
from everup.runtimes.docker.discovery import build_stack
from everup.runtimes.docker.engine import Engine
from tests.unit.runtimes.docker.discovery.worlds import document


class Door:
    """An engine with these containers. `images`: id → labels; who is missing is not shown."""

    def __init__(self, containers: list[dict[str, Any]], images: dict[str, dict[str, str]]) -> None:
        self._containers = {one["Id"]: one for one in containers}
        self._images = images
        self.asked: list[str] = []

    async def call(self, verb: str, path: str, **_: object) -> list[dict[str, Any]]:
        assert (verb, path) == ("GET", "containers/json")
        return [{"Id": one} for one in self._containers]

    async def get(self, path: str) -> dict[str, Any]:
        kind, name, _ = path.split("/")
        if kind == "containers":
            return self._containers[name]
        self.asked.append(name)
        if name not in self._images:
            raise GiveUp("403")
        return {"Config": {"Labels": self._images[name]}}


def _modes(door: Door) -> dict[str, Mode | None]:
    documents = asyncio.run(discover.read_documents(cast(Engine, door)))
    found = discover.understand("unix:///x", documents, {})
    services = build_stack(found.named("shop"), found.around).stack.services
    return {name: spec.mode for name, spec in services.items()}


def test_a_label_is_its_owners_unless_the_image_has_it_too() -> None:
    auto = {"everup.mode": "auto"}
    made = [document(name, labels=auto) for name in ("own", "images", "hidden")]
    made.append(document("plain"))
    for one in made:
        one["Image"] = f"sha256:{one['Name']}".replace("/", "")
    own, images, _, _ = (one["Image"] for one in made)
    door = Door(made, {own: {}, images: auto})
    assert _modes(door) == {"own": Mode.AUTO, "images": None, "hidden": None, "plain": None}
    assert len(door.asked) == 3, "who has no such label is not asked about"
