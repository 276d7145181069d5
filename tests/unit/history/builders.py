"""Samples with known content."""

from __future__ import annotations

import numpy as np

from everup.history.format import Header
from everup.model.history import SIGNALS, FloatArray

SERVICES = ("a", "b", "c")
HEADER = Header("s", SERVICES)
START_S = 1_700_000_000.0


def sample_of(number: int, services: int = len(SERVICES)) -> FloatArray:
    """Each cell tells its sample, signal and service; every seventh is unknown."""
    found = np.arange(len(SIGNALS) * services, dtype=np.float32).reshape(len(SIGNALS), services)
    found += 100 * number
    found[found % 7 == 0] = np.nan
    return found
