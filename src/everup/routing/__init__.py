"""Routers behind `loop.ports.Router`: who brings work to instances, told to spare some of them.

Each router is a folder with the same file names: `manifest.py` says what it is and what one must
know of it, `router.py` is the port, `talk.py` its wire, `answers.py` what comes back. What is
ordered, and when, is decided in `loop.traffic`; what is held is written down in `notes`. Wired by
`app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from everup.loop.ports import Clock, Router
from everup.model.errors import GiveUp
from everup.model.routing import RouterSpec
from everup.routing.haproxy import HaproxyRouter
from everup.routing.manifest import MANIFESTS
from everup.routing.notes import Notes

NOTES_FILE = "router.json"


def create_router(spec: RouterSpec, state_dir: Path, clock: Clock) -> Router:
    """The router of a declaration. Nothing is said to it yet.

    Raises:
        GiveUp: a kind that this version does not have.
    """
    if spec.kind != "haproxy":
        raise GiveUp(f"no router {spec.kind!r}; there are {', '.join(MANIFESTS)}")
    return HaproxyRouter(spec, Notes(state_dir / NOTES_FILE), clock)


def noted_router(state_dir: Path, clock: Clock) -> Router | None:
    """The router of which something is held still, by the notes of a state folder alone."""
    notes = Notes(state_dir / NOTES_FILE)
    spec = notes.router if notes.held() else None
    return None if spec is None else create_router(spec, state_dir, clock)


def held_services(state_dir: Path) -> frozenset[str]:
    """Of which something is held, by the notes alone.

    Raises:
        TryAgain: they cannot be read now.
    """
    return frozenset(one.service for one in Notes(state_dir / NOTES_FILE).held())


async def release_noted(state_dir: Path, clock: Clock, service: str | None = None) -> Sequence[str]:
    """Give back what the notes of a state folder say is held, without any configuration.

    Raises:
        StillHeld: that was not all.
    """
    router = noted_router(state_dir, clock)
    if router is None:
        return ()
    try:
        return await router.release(service)
    finally:
        await router.close()


__all__ = [
    "MANIFESTS",
    "NOTES_FILE",
    "create_router",
    "held_services",
    "noted_router",
    "release_noted",
]
