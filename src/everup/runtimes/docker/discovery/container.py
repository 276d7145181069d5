"""One container as the engine describes it, typed once, so that nobody further in reads JSON.

Made by `reading.read_container`; read by every other file of discovery.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN

COMPOSE = "com.docker.compose."
DEFAULT_NETWORKS = frozenset({"bridge", "host", "none"})
"""The engine's own networks; names are not resolved on them."""

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OwnerCheck:
    """The healthcheck that the owner, or the image, declared. `command` as the engine runs it."""

    command: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """One network of a container, by the network's name."""

    network: str
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    static_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mounted:
    """One mount. `source` is a volume's name or a path of the host."""

    kind: str  # volume, bind, tmpfs, …
    source: str
    target: str
    is_writable: bool

    @property
    def is_anonymous(self) -> bool:
        """A volume that nobody named."""
        return self.kind == "volume" and _ANONYMOUS.fullmatch(self.source) is not None


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the container on the host. `host_port` 0: the engine picks one at each start."""

    port: int
    protocol: str
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class Lived:
    """Where the container is in its life. Times in seconds since 1970; NaN: not yet."""

    status: str = ""  # created, running, paused, restarting, removing, exited, dead
    exit_code: int = 0
    created_at: float = UNKNOWN
    started_at: float = UNKNOWN
    finished_at: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Container:
    """What discovery needs of one container."""

    id: str
    name: str
    image: str = ""  # the reference that it was made from
    image_id: str = ""
    command: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    image_labels: Mapping[str, str] = field(default_factory=dict)  # of these, the image's own
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    lived: Lived = Lived()
    restart_policy: str = ""  # "" and "no" are the same
    restarts_most: int = 0
    is_auto_removed: bool = False
    network_mode: str = ""
    networks: tuple[Attachment, ...] = ()
    links: tuple[str, ...] = ()  # of the default network: `other:alias`
    volumes_from: tuple[str, ...] = ()
    mounts: tuple[Mounted, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    has_devices: bool = False
    memory_bytes: float = UNKNOWN
    cpus: float = UNKNOWN
    stop_signal: str = ""
    stop_timeout_s: float | None = None
    check: OwnerCheck | None = None
    is_check_off: bool = False  # switched off on purpose, also where the image brings one
    exposed: tuple[int, ...] = ()  # TCP ports that the image or its owner says it listens on

    def compose(self, name: str) -> str:
        """The value of this label of Compose, "" when there is none."""
        return self.labels.get(COMPOSE + name, "")

    @property
    def project(self) -> str:
        """Its Compose project."""
        return self.compose("project")

    @property
    def service(self) -> str:
        """Its service in that project."""
        return self.compose("service")

    @property
    def is_one_off(self) -> bool:
        """Made by `compose run`: a person's errand, no copy of the service."""
        return self.compose("oneoff").lower() == "true"

    @property
    def number(self) -> int:
        """Which copy of its service it is; 0 when nothing says so."""
        digits = self.compose("container-number")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else 0

    @property
    def restarts_by_itself(self) -> bool:
        """Does the engine start it again after it ended well?"""
        return self.restart_policy in {"always", "unless-stopped"}

    @property
    def namespace_of(self) -> str:
        """The container whose network it lives in, as written: an id or a name."""
        kind, _, other = self.network_mode.partition(":")
        return other if kind == "container" else ""
