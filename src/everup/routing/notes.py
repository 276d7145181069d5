"""What is held of a router, in one small file of the state folder: whole or not at all.

Written before anything is ordered, so that the next life finds it after a crash; the address of the
router stands in it too, so that it can be given back without any configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import UNKNOWN, is_known
from everup.model.routing import Held, Order, RouterSpec, ServerName

FILE_MODE = 0o600
BYTES_MOST = 4 << 20
HELD_MOST, ADDED_MOST = 10_000, 10_000


class Notes:
    """One file. Few and small: each change writes all of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[ServerName, Held] | None = None
        self._added: set[ServerName] = set()
        self.router: RouterSpec | None = None

    def held(self) -> Sequence[Held]:
        """What is held, oldest first.

        Raises:
            TryAgain: the file cannot be read now.
        """
        return tuple(self._read().values())

    def of(self, server: ServerName) -> Held | None:
        """What is held of this one."""
        return self._read().get(server)

    def hold(self, spec: RouterSpec, held: Held) -> None:
        """Note it, before this returns.

        Raises:
            TryAgain: it could not be written; nothing may be held then.
        """
        known = self._read()
        if held.server not in known and len(known) >= HELD_MOST:
            raise TryAgain(f"{HELD_MOST} servers are held already")
        self._write(spec, {**known, held.server: held}, self._added)

    def drop(self, server: ServerName) -> None:
        """It is held no more."""
        known = self._read()
        if server in known:
            left = {name: one for name, one in known.items() if name != server}
            self._write(self.router, left, self._added)

    def was_added(self, server: ServerName) -> bool:
        """Did we make this server?"""
        self._read()
        return server in self._added

    def note_added(self, spec: RouterSpec, server: ServerName) -> None:
        """It is ours, also in the next life. What a reload has taken away is noted still.

        Raises:
            TryAgain: it could not be written.
            GiveUp: too many are noted.
        """
        known = self._read()
        if server not in self._added and len(self._added) >= ADDED_MOST:
            raise GiveUp(f"{ADDED_MOST} servers were added already")
        self._write(spec, known, {*self._added, server})

    def drop_added(self, server: ServerName) -> None:
        """It is there no more."""
        known = self._read()
        if server in self._added:
            self._write(self.router, known, self._added - {server})

    def _read(self) -> dict[ServerName, Held]:
        if self._held is not None:
            return self._held
        try:
            with self._path.open("rb") as file:
                content = json.loads(file.read(BYTES_MOST))
            self._take(content)
        except FileNotFoundError:
            self._held = {}
        except OSError as error:
            raise TryAgain(f"{self._path} cannot be read now: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            self._path.replace(self._path.with_suffix(".bad"))  # for a person; not ours to guess
            self._held = {}
        assert self._held is not None
        return self._held

    def _take(self, content: Mapping[str, Any]) -> None:
        found = [_held_of(value) for value in content["held"]]
        router = content.get("router")
        self._added = {ServerName(str(g), str(n)) for g, n in content.get("added", ())}
        self.router = None if router is None else RouterSpec(**router)
        self._held = {one.server: one for one in found[:HELD_MOST]}

    def _write(
        self, spec: RouterSpec | None, held: dict[ServerName, Held], added: set[ServerName]
    ) -> None:
        content = {
            "router": None if spec is None else asdict(spec),
            "held": [_value_of(one) for one in held.values()],
            "added": sorted([one.group, one.name] for one in added),
        }
        fresh = self._path.with_suffix(".new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1, allow_nan=False)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise TryAgain(f"{self._path} cannot be written: {error.strerror}") from error
        self.router, self._held, self._added = spec, held, added


def _value_of(one: Held) -> Mapping[str, Any]:
    return {
        "group": one.server.group,
        "server": one.server.name,
        "service": one.service,
        "instance": one.instance,
        "until_s": one.until_s,
        "order": one.order,
        "weight_before": one.weight_before if is_known(one.weight_before) else None,
        "life": one.life,
        "because": one.because,
    }


def _held_of(value: Mapping[str, Any]) -> Held:
    weight, order = value["weight_before"], value["order"]
    return Held(
        ServerName(str(value["group"]), str(value["server"])),
        str(value["service"]),
        str(value["instance"]),
        float(value["until_s"]),
        None if order is None else Order(order),
        UNKNOWN if weight is None else float(weight),
        str(value["life"]),
        str(value.get("because", "")),
    )
