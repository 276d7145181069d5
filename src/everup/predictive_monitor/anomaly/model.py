"""A trained model of whole services: a pooled forest and the usual directions, with what they are.

Flows in: what `everup.training` fitted. Flows out: two scores per row of features. One model serves
all services, because their features are normalised by each service's own past. It is kept as bytes
as `packing` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.predictive_monitor import packing
from everup.predictive_monitor.anomaly.forest import Forest
from everup.predictive_monitor.anomaly.residual import Directions
from everup.predictive_monitor.drift import Spread

FORMAT = "everup-anomaly-1"


@dataclass(frozen=True, slots=True, eq=False)
class ServiceModel:
    """`features`: the names of the columns, in their order. `about`: what it was trained on.
    `spread`: how its rows were distributed, by which a drift is seen; a model may have none."""

    features: tuple[str, ...]
    forest: Forest
    directions: Directions
    about: Mapping[str, str | int | float]
    spread: Spread | None = None

    def __post_init__(self) -> None:
        width = len(self.features)
        if self.forest.features > width or len(self.directions.mean) != width:
            raise ValueError("a model's parts must agree about its features")
        if self.spread is not None and len(self.spread.edges) != width:
            raise ValueError("a model's parts must agree about its features")

    def why_not_for(self, features: tuple[str, ...], row_s: float) -> str:
        """Why it says nothing about rows of these features that are so long; "" when it does. One
        that does not say how long its rows were is believed."""
        if self.features != features:
            return "it was trained on other signals"
        said = self.about.get("row_s", row_s)
        if not isinstance(said, int | float) or abs(said - row_s) >= 1e-6 * row_s:
            return f"it was trained on rows of {said} s, and anomaly_row_s is {row_s:g}"
        return ""

    def pack(self) -> bytes:
        """The same model gives the same bytes."""
        parts = packing.named("forest.", self.forest.arrays())
        parts |= packing.named("directions.", self.directions.arrays())
        if self.spread is not None:
            parts |= packing.named("spread.", self.spread.arrays())
        said = {"features": list(self.features), "about": dict(self.about)}
        return packing.pack(FORMAT, parts, said)

    @classmethod
    def unpack(cls, content: bytes) -> ServiceModel:
        """From what `pack` gave. ValueError: it is not that, or not whole."""
        header, arrays = packing.unpack(FORMAT, content)
        try:
            features, about = tuple(map(str, header["features"])), dict(header["about"])
        except packing.TOO_LITTLE as error:
            raise packing.says_too_little(error) from error
        return cls(
            features,
            Forest.of(packing.part(arrays, "forest.")),
            Directions.of(packing.part(arrays, "directions.")),
            about,
            Spread.of(packing.part(arrays, "spread.")),
        )
