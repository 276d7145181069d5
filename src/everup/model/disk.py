"""The fullest disk that an instance may write to: a volume, a bind mount, its working folder.

Read by runtimes, carried by `Instance`; causes and ladders ask it whether it is full.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN

MIB = 1 << 20
FULL_RATIO = 0.01
FULL_BYTES = 16.0 * MIB
"""Full is under both: a hundredth of a big disk is plenty, and what is left of a small one may be.
Databases write their log in pieces of this size."""
UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", MIB), ("KiB", 1 << 10))


@dataclass(frozen=True, slots=True)
class Disk:
    """`where`: as the instance knows it. `name`: of the volume, or the folder that is bound; "" for
    neither. `device`: equal for whoever shares it. `free_bytes`, `free_files`: as far as this
    instance may use them; NaN is unknown."""

    where: str
    name: str = ""
    device: str = ""
    size_bytes: float = UNKNOWN
    free_bytes: float = UNKNOWN
    free_files: float = UNKNOWN
    at_s: float = UNKNOWN

    @property
    def free_ratio(self) -> float:
        """Of its size."""
        return self.free_bytes / self.size_bytes if self.size_bytes > 0 else UNKNOWN

    @property
    def is_full(self) -> bool:
        """Is there no room to work? Unknown is not."""
        is_short = self.free_bytes < FULL_BYTES and self.free_ratio < FULL_RATIO
        return is_short or self.free_files == 0

    @property
    def text(self) -> str:
        """`volume shop_data at /data is full: 0 B of 8 MiB free`."""
        what = f"volume {self.name} at {self.where}" if self.name else f"the disk at {self.where}"
        if self.name.startswith("/"):
            what = f"{self.name}, bound at {self.where},"
        if self.free_files == 0 and not self.free_ratio < FULL_RATIO:
            return f"{what} is full: no file can be made on it any more"
        state = "is full" if self.is_full else "has room"
        return f"{what} {state}: {amount(self.free_bytes)} of {amount(self.size_bytes)} free"


def fullest(disks: list[Disk]) -> Disk | None:
    """The one to look at first."""
    return min(disks, key=lambda d: (not d.is_full, d.free_ratio, d.where), default=None)


def amount(count_bytes: float) -> str:
    """`8 MiB`."""
    for unit, size in UNITS:
        if count_bytes >= size:
            return f"{count_bytes / size:.4g} {unit}"
    return f"{count_bytes:.0f} B"
