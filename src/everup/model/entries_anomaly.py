"""The journal's entry about anomalies. Part of `entries`, where everybody takes it from."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.anomaly import Anomaly


@dataclass(frozen=True, slots=True)
class AnomalyNoticed:
    """A service is not as it usually is. Nothing is done about it by itself."""

    at_s: float
    service: str
    anomaly: Anomaly
