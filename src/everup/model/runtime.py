"""What a runtime can do and what it reports: the vocabulary of the Runtime port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN
from everup.model.observation import Exit, Instance
from everup.model.restraint import Restraint
from everup.model.version import EMPTY, files_of


class Capability(StrEnum):
    """One verb of the Runtime port. A runtime lists those it has; the rest it refuses by name."""

    LIST = "list"
    WATCH = "watch"
    START = "start"
    STOP = "stop"
    KILL = "kill"
    RESTART = "restart"
    RECREATE = "recreate"
    SET_INSTANCES = "set_instances"
    SET_LIMITS = "set_limits"
    RUN_HOOK = "run_hook"
    PROCESSES = "processes"
    EVIDENCE = "evidence"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    LOGS = "logs"
    CAPTURE = "capture"
    APPLY = "apply"
    RESTORE = "restore"
    PIN_IMAGE = "pin_image"
    UNPIN_IMAGE = "unpin_image"
    ISOLATE = "isolate"
    REJOIN = "rejoin"
    FAILOVER = "failover"
    FAILBACK = "failback"
    CONNECTIONS = "connections"
    FILES = "files"  # a service's configuration files are part of what is captured and restored


@dataclass(frozen=True, slots=True)
class RuntimeManifest:
    """What this runtime can do, and what one must know about how it does it.

    `exempt`: contract case → why this runtime need not meet it. Never silent, never without reason.
    """

    name: str
    capabilities: frozenset[Capability]
    notes: Mapping[str, str] = field(default_factory=dict)
    why_not: Mapping[Capability, str] = field(default_factory=dict)  # a reason for each refusal
    exempt: Mapping[str, str] = field(default_factory=dict)
    needs_declared: Mapping[Capability, str] = field(default_factory=dict)
    """Verb → field of a service without which it is refused for that service."""

    def can(self, capability: Capability) -> bool:
        """Is this verb supported?"""
        return capability in self.capabilities


class EventKind(StrEnum):
    """Something happened to an instance. An event only says *look now*."""

    STARTED = "started"
    DIED = "died"
    OUT_OF_MEMORY = "out_of_memory"
    HEALTH = "health"
    PAUSED = "paused"
    CHANGED = "changed"
    ENGINE_LOST = "engine_lost"
    ENGINE_BACK = "engine_back"


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """One event with the time at which the runtime saw it."""

    kind: EventKind
    at_s: float
    service: str = ""
    instance: str = ""
    exit: Exit | None = None
    is_ours: bool = False  # caused by a call of this controller


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What runs and what is declared differ, in words with what would mend it. `is_running_extra`:
    it runs, and nothing declares it."""

    service: str
    instance: str
    text: str
    is_running_extra: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """All instances of the stack in one pass. `fault`: the engine did not answer properly.
    `absent`: services of which nothing is there to start; whoever deploys them makes it.
    `restraints`: what holds back beyond what was read of a service when the runtime was made."""

    at_s: float
    instances: tuple[Instance, ...]
    fault: str = ""
    mismatches: tuple[Mismatch, ...] = ()
    absent: frozenset[str] = frozenset()
    restraints: Mapping[str, Restraint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessSight:
    """One process of an instance: the kernel's letter, and its title as `ps` shows it, bounded."""

    pid: int
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A configuration file that a service reads, as it was: `path` on the runtime's machine.

    `digest`: SHA-256 in hex of its content; it is compared and never shown, since a bare sum tells
    a short secret. `content` None: it was not kept, and `why_not`; with a
    `digest` all the same, it was read before. `is_secret`: nobody is shown what is in it."""

    path: str
    digest: str = field(default="", repr=False)
    content: bytes | None = field(default=None, repr=False)
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    why_not: str = ""
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """A service's whole declared configuration as the runtime sees it, JSON-able. It may hold
    secrets: it is kept apart, and never written into the journal.

    `version`: as instances that were made from it show it, its files included. `image`: its content
    address, if it has one; `image_bytes`: its size. `title`: what a person would call it.
    """

    service: str
    content: Mapping[str, object] = field(repr=False)
    version: str = field(default="", compare=False)
    image: str = field(default="", compare=False)
    title: str = field(default="", compare=False)
    files: tuple[KeptFile, ...] = field(default=(), repr=False)
    image_bytes: float = field(default=UNKNOWN, compare=False)

    @property
    def has_files(self) -> bool:
        """Is it known what its configuration files were, also where there was none?"""
        is_empty = not self.files and files_of(self.version) == EMPTY
        return is_empty or any(file.content is not None for file in self.files)
