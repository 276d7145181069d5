"""Whether a container's address is certain to be that container, as seen from where we run.

Flows in: the engine, and containers. Flows out: the address at which one may be asked what nobody
declared, or None. Who is asked by a wrong address would be somebody else: a container of another
engine, a machine of the house. So two things must hold: the engine is the one of this machine, or
of the container that we are in; and the kernel would send from an address of the same network, so
that nothing lies in between. That holds for the host and its bridges, and for a container that
shares a network with the other one; no network is ever joined. Nothing is sent to find out.
What uses the host's network answers on loopback, which is the host's only outside of containers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from everup.model.errors import EverupError
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine

INSIDE = Path("/.dockerenv")
ANY_PORT = 9  # of a datagram that is never sent
ROOTLESS = "name=rootless"
IN_A_MACHINE = "Docker Desktop"
LOOPBACK = "127.0.0.1"


class Nearness:
    """Knows it once `open` has asked the engine."""

    def __init__(
        self, engine: Engine, source_of: Callable[[str], str] | None = None, inside: Path = INSIDE
    ) -> None:
        self._engine, self._inside = engine, inside
        self._source_of = source_of or source_address
        self.is_here = False
        self.own: Mapping[str, Any] | None = None
        """The document of the container that we are in, where the engine is that one's."""

    @property
    def may_be_inside(self) -> bool:
        """Does something say that we are in a container, be it of another engine?"""
        return self._inside.exists()

    async def open(self) -> None:
        """Is it the one that we are a container of, or this machine's own engine?"""
        name = socket.gethostname()
        self.is_here = self._inside.exists() and await self._has(name)
        if not self.is_here and self._engine.is_socket:
            try:
                self.is_here = is_this_machine(await self._engine.get("info"), name)
            except EverupError:
                return  # then nobody is asked whose owner did not say how

    async def _has(self, own: str) -> bool:
        try:
            document = await self._engine.get(f"containers/{own}/json")
        except EverupError:
            return False
        is_ours = str(document.get("Id") or "").startswith(own)
        self.own = document if is_ours else None
        return is_ours

    def of(self, container: Container) -> str | None:
        """Its address on the first of its networks that we are on too."""
        if not (self.is_here and container.is_running):
            return None
        if section(container.document, "HostConfig").get("NetworkMode") == "host":
            return None if self._inside.exists() else LOOPBACK
        networks = section(section(container.document, "NetworkSettings"), "Networks")
        for name in sorted(networks):
            found = networks[name]
            address = str(found.get("IPAddress") or "")
            if address and self._is_on_link(address, found.get("IPPrefixLen")):
                return address
        return None

    def _is_on_link(self, address: str, prefix: object) -> bool:
        source = self._source_of(address)
        if not source or not isinstance(prefix, int) or not 0 < prefix < 32:
            return False
        try:
            return ip_address(source) in ip_interface(f"{address}/{prefix}").network
        except ValueError:
            return False


def is_this_machine(info: Mapping[str, Any], host_name: str) -> bool:
    """Do its bridges belong to the network that we see?"""
    options = info.get("SecurityOptions") or ()
    return (
        info.get("Name") == host_name
        and info.get("OperatingSystem") != IN_A_MACHINE
        and not any(ROOTLESS in str(option) for option in options)
    )


def source_address(address: str) -> str:
    """From where the kernel would send to it; "" where there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            asker.connect((address, ANY_PORT))
            return str(asker.getsockname()[0])
        except OSError:
            return ""
