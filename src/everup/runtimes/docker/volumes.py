"""Which volumes a container has, and that its successor has the very same. Pure.

Flows in: a container's document, the host's part of what the next one is made of. Flows out: that
part with every anonymous volume by its name, and what would be missing. An engine that is told no
name makes an empty volume, in which the service would run well and without its data: so each is
named, and who cannot be given all of them is not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import normpath
from typing import Any

from everup.runtimes.docker.containers import section

_ANONYMOUS = re.compile(r"[0-9a-f]{64}$")
SHOWN_MOST = 3


def volumes_of(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Where in the container → the volume's name, as the engine has it."""
    return {place: name for place, name, _ in _mounted(document)}


def volumes_planned(host: Mapping[str, Any]) -> Mapping[str, str]:
    """The same of what is to be made, as far as it is written there by name."""
    found: dict[str, str] = {}
    for bind in host.get("Binds") or ():
        source, target = _parted(str(bind))
        if source and not source.startswith("/"):
            found[target] = source
    for mount in host.get("Mounts") or ():
        if mount.get("Type") == "volume" and mount.get("Source"):
            found[_place(mount.get("Target"))] = str(mount["Source"])
    return found


def named(host: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The host's part of this very container, with its anonymous volumes by name: also those that
    only its image declares."""
    filled = _filled(host, document)
    taken = _taken(filled)
    more = [
        _bind(place, name, is_writable=is_writable)
        for place, name, is_writable in _mounted(document)
        if is_anonymous(name) and place not in taken
    ]
    return {**filled, "Binds": [*(filled.get("Binds") or ()), *more] or None}


def carried(
    host: Mapping[str, Any], config: Mapping[str, Any], old: Mapping[str, Any]
) -> dict[str, Any]:
    """The host's part of another container, which takes the old one's place: what is anonymous in
    both is the old one's volume. What it does not have at all is not put there."""
    filled = _filled(host, old)
    taken = _taken(filled)
    asked = {_place(place) for place in section(config, "Volumes")}
    more = [
        _bind(place, name, is_writable=is_writable)
        for place, name, is_writable in _mounted(old)
        if is_anonymous(name) and place in asked - taken
    ]
    return {**filled, "Binds": [*(filled.get("Binds") or ()), *more] or None}


def lost(old: Mapping[str, Any], new: Mapping[str, str]) -> list[str]:
    """The old one's volumes that the new one would not have where they were, for a person."""
    return [
        f"{place} would be {f'the volume {new[place][:12]}' if place in new else 'no volume'} "
        f"instead of {name[:12] if is_anonymous(name) else name}"
        for place, name in volumes_of(old).items()
        if new.get(place) != name
    ][:SHOWN_MOST]


def is_anonymous(name: str) -> bool:
    """Did the engine make this name up?"""
    return _ANONYMOUS.match(name) is not None


def without_anonymous(host: Mapping[str, Any]) -> dict[str, Any]:
    """As its owner wrote it: a name that the engine made up says nothing, whether we put it there
    or not."""
    binds = [str(bind) for bind in host.get("Binds") or ()]
    mounts = [
        {**mount, "Source": ""} if _is_open(mount) else mount for mount in host.get("Mounts") or ()
    ]
    kept = [bind for bind in binds if ":" in bind and not is_anonymous(_parted(bind)[0])]
    return {**host, "Binds": sorted(kept), "Mounts": mounts}


def _filled(host: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Every place that asks for a volume without a name, or for one that the engine named, is
    given the one that is there."""
    there = {place: name for place, name, _ in _mounted(document)}
    binds = []
    for bind in map(str, host.get("Binds") or ()):
        source, target = _parted(bind)
        is_ours = target in there and (not source or is_anonymous(source))
        rest = bind.split(":", 1)[1] if ":" in bind else bind
        binds.append(f"{there[target]}:{rest}" if is_ours else bind)
    mounts = [
        {**mount, "Source": there[_place(mount.get("Target"))]}
        if _is_open(mount) and _place(mount.get("Target")) in there
        else mount
        for mount in host.get("Mounts") or ()
    ]
    filled = {**host, "Binds": binds or None}
    return {**filled, "Mounts": mounts} if mounts else filled


def _mounted(document: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Place, volume, and whether it is written."""
    return [
        (_place(mount.get("Destination")), str(mount["Name"]), bool(mount.get("RW", True)))
        for mount in document.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    ]


def _taken(host: Mapping[str, Any]) -> set[str]:
    binds = {_parted(str(bind))[1] for bind in host.get("Binds") or ()}
    return binds | {_place(mount.get("Target")) for mount in host.get("Mounts") or ()}


def _is_open(mount: Mapping[str, Any]) -> bool:
    source = str(mount.get("Source") or "")
    return mount.get("Type") == "volume" and (not source or is_anonymous(source))


def _bind(place: str, name: str, *, is_writable: bool) -> str:
    return f"{name}:{place}" + ("" if is_writable else ":ro")


def _parted(bind: str) -> tuple[str, str]:
    """Source and place; a place alone has no source."""
    source, has_source, rest = bind.partition(":")
    return (source, _place(rest.split(":")[0])) if has_source else ("", _place(bind))


def _place(path: object) -> str:
    return normpath(f"/{path or ''}".replace("//", "/"))
