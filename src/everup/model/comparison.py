"""What changed between two snapshots, and by whose hand: the words that a diff is made of.

Made by `rollback_manager`, shown by API and CLI. No value of an environment is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import ActionKind


class Aspect(StrEnum):
    """What of a service, or of the stack."""

    SERVICE = "service"  # it came, it went, or nothing of it could be recorded
    IMAGE = "image"
    CONFIGURATION = "configuration"
    FILE = "file"
    LIMIT = "limit"
    REPLICAS = "replicas"
    STACK_FILE = "stack_file"


@dataclass(frozen=True, slots=True)
class Deed:
    """An action of ours between the two: what it was, when its work was done, who asked.
    `instances`: to how many it led; 0: it was not about that."""

    service: str
    kind: ActionKind
    at_s: float
    by: str
    action_id: str
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One aspect of one service that is another one. `service` "": of the stack itself. `is_ours`:
    an action of ours does this; `by`: who was behind it, as far as the journal says."""

    service: str
    aspect: Aspect
    lines: tuple[str, ...]
    is_ours: bool = False
    by: str = ""
    action_ids: tuple[str, ...] = ()
