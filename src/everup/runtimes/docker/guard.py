"""One Everup for a project of an engine, whichever state folder it lives in.

Flows in: an open engine and the project's name. Flows out: the right to watch it, or who has it.

On one host it is a name that the kernel gives to one process at a time and takes back with its end,
made of the engine's own id and the project: there is no file to forget, and no account of this host
sees another name. An Everup in a container has names of its own, and is known by the mark that its
image carries: of two in containers the one that started first stays. What neither sees is in
docs/limits.md.
"""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everup.model.errors import AskAHuman, EverupError
from everup.runtimes.docker.containers import PROJECT, labels_of, section
from everup.runtimes.docker.engine import Engine, Gone

CONTROLLER = "everup.internal.controller"
"""A label of Everup's image, and so of each container made of it."""

CHOICE = "EVERUP_PROJECT="
INSIDE = Path("/.dockerenv")
WAITING_MOST = 128
WORDS_MOST = 200
_CREDENTIALS = struct.Struct("3i")


class Guard:
    """Held from `take` to `give_back`; a crash gives it back too."""

    def __init__(self, engine: Engine, project: str, own_id: str | None = None) -> None:
        self._engine, self._project = engine, project
        self._own_id = _own_id() if own_id is None else own_id
        self._held: socket.socket | None = None

    async def take(self) -> None:
        """Become the one.

        Raises:
            AskAHuman: another one is; says which, and what to do.
        """
        name = await self._name()
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(name)
            held.listen(WAITING_MOST)
        except OSError as error:
            held.close()
            if error.errno != errno.EADDRINUSE:
                return  # a system without such names: the state folder's own lock is left
            raise AskAHuman(self._refusal(_holder(name))) from None
        self._held = held
        try:
            await self._look_for_containers()
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one in; twice is fine."""
        if self._held is not None:
            self._held.close()
            self._held = None

    async def _name(self) -> bytes:
        """The same for whoever reaches this engine from this host."""
        try:
            engine = str((await self._engine.get("info")).get("ID") or "")
        except EverupError:  # a door that does not let this through
            engine = ""
        key = f"{engine or self._engine.address}/{self._project}"
        return b"\0everup-" + hashlib.sha256(key.encode()).hexdigest()[:32].encode()

    async def _look_for_containers(self) -> None:
        filters = {"label": [f"{CONTROLLER}=true"], "status": ["running"]}
        try:
            lines = await self._engine.call("GET", "containers/json", params={"filters": filters})
            found = [await self._document(str(line["Id"])) for line in lines]
        except EverupError:
            return  # who cannot be asked now is asked by the first look, which says so
        documents = [document for document in found if document]
        if other := watcher(documents, self._project, self._own_id):
            raise AskAHuman(self._refusal(f"the container {other}"))

    async def _document(self, container: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = await self._engine.get(f"containers/{container}/json")
        except Gone:
            return {}
        return found

    def _refusal(self, holder: str) -> str:
        return (
            f"another Everup watches {self._project} on this engine: {holder}; two would act on "
            "each other's work. End it first: everup down --keep-services where it was started, or "
            "stop its container"
        )


def watcher(documents: Sequence[Mapping[str, Any]], project: str, own_id: str) -> str:
    """The name of a container whose Everup watches this project and goes before us; "" for none.
    Pure. One that says nothing of a project is not known to watch it."""
    own = next((d for d in documents if own_id and str(d.get("Id")).startswith(own_id)), None)
    for document in documents:
        if document is own or _watches(document) != project:
            continue
        if own is None or _turn(document) < _turn(own):
            return str(document.get("Name") or "").lstrip("/")
    return ""


def _watches(document: Mapping[str, Any]) -> str:
    for line in section(document, "Config").get("Env") or ():
        if str(line).startswith(CHOICE) and str(line) != CHOICE:
            return str(line).removeprefix(CHOICE)
    return labels_of(document).get(PROJECT, "")


def _turn(document: Mapping[str, Any]) -> tuple[str, str]:
    started = str(section(document, "State").get("StartedAt") or "")
    return started, str(document.get("Id") or "")


def _holder(name: bytes) -> str:
    """The process that listens, as far as we may know."""
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        asking.connect(name)
        raw = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, user, _ = _CREDENTIALS.unpack(raw)
    except OSError:
        return "a process of this host"
    finally:
        asking.close()
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    said = " ".join(word.decode("utf-8", "replace") for word in words if word)[:WORDS_MOST]
    return f"process {pid} of account {user}" + (f" ({said})" if said else "")


def _own_id() -> str:
    """The short id of the container that we are in; "" for none."""
    return socket.gethostname() if INSIDE.exists() else ""
