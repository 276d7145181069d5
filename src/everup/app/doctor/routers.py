"""The router that was declared: can it be reached, and does it know what it should?

What is found is judged purely; the asking changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from everup.app.doctor.findings import Finding, ok, some, weak, wrong
from everup.app.live import BootClock
from everup.model.errors import EverupError
from everup.model.routing import RouterListing, RouterManifest, RouterSpec, Skill
from everup.routing import create_router

CHECK = "router"
REACH = (
    "see that HAProxy runs and has: stats socket … level admin; that Everup may use the socket, or "
    "is in its network; docs: routing"
)
UNCHECKED = "add check to these servers, so that HAProxy sees by itself what dies"


async def see_router(spec: RouterSpec, state_dir: Path) -> list[Finding]:
    """Ask it for its servers."""
    router = create_router(spec, state_dir, BootClock())
    try:
        listing = await router.list()
    except EverupError as error:
        return [judge_silence(spec, str(error))]
    finally:
        await router.close()
    return [judge_router(spec, listing, router.manifest)]


def judge_silence(spec: RouterSpec, why: str) -> Finding:
    """Nobody would be spared."""
    return wrong(CHECK, f"{spec.kind} at {spec.address}: {why}", REACH, spec.address)


def judge_router(spec: RouterSpec, listing: RouterListing, manifest: RouterManifest) -> Finding:
    """What it is, and what it lacks."""
    count = len(listing.servers)
    text = f"{spec.kind} {listing.version} answers at {spec.address}, with {count} servers"
    if not count:
        return weak(CHECK, text, "name the servers in a backend; docs: routing", spec.address)
    unchecked = [str(one.name) for one in listing.servers if not one.is_checked]
    if unchecked:
        return weak(CHECK, f"{text}; nobody checks {some(unchecked)}", UNCHECKED, spec.address)
    if Skill.ADD not in manifest.skills:
        fix = "update HAProxy to 2.6, or leave places with server-template"
        return weak(CHECK, f"{text}; none can be added", fix, spec.address)
    return ok(CHECK, text, spec.address)
