"""The journal's entries about what services run from: seen, kept, watched, measured.

Part of `entries`, which is where everybody takes them from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN
from everup.model.probation import ProbationEnding
from everup.model.snapshot import SnapshotReason


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """A service runs from another image or configuration than before; `before` "": it is seen for
    the first time, or nobody can compare the two. `at_s`: when its newest instance began, or when
    its configuration files were changed."""

    at_s: float
    service: str
    version: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class SafePointKept:
    """What runs was well over its probation, and is kept to go back to. `instances`: how many there
    were; 0: nobody says, as in old journals."""

    at_s: float
    service: str
    version: str
    title: str
    image: str = ""
    reference: str = ""
    image_bytes: float = UNKNOWN
    instances: int = 0


@dataclass(frozen=True, slots=True)
class SafePointForgotten:
    """It cannot be gone back to any more, and nothing is held for it."""

    at_s: float
    service: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProbationBegan:
    """A service was changed, by whomever, and is watched closely from now on. `before` and `after`
    are versions; `changed_at_s`: when the newest instance began. Where there are others in number:
    from `instances_before` to `instances`."""

    at_s: float
    service: str
    before: str
    after: str
    changed_at_s: float
    by: str = ""
    instances_before: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True)
class RegressionSeen:
    """This version, or this many instances of it (`version` ends in `*3`), was measured to do worse
    than what ran before the change: numbers before and after in `reason`."""

    at_s: float
    service: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProbationEnded:
    """The one ending of a probation, and what was seen on the way."""

    at_s: float
    service: str
    ending: ProbationEnding
    reason: str
    evidence: tuple[str, ...] = ()
    began_at_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The whole stack was recorded; `digest` is the sum of its manifest. `versions`, `instances`:
    by service. `images`: content address → bytes of those that are held. `missing`: services of
    which nothing could be recorded."""

    at_s: float
    snapshot_id: str
    reason: SnapshotReason
    by: str
    digest: str
    is_safe: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    instances: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    took_s: float = UNKNOWN
    note: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotForgotten:
    """It cannot be gone back to any more, and nothing is held for it."""

    at_s: float
    snapshot_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotVerified:
    """Everything that is kept was read and compared with its sums. `harms`: a sentence for each
    object that is damaged or missing, bounded. `mended`: what was, and is whole again."""

    at_s: float
    by: str
    objects: int
    total_bytes: int
    harms: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
