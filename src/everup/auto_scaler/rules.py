"""When there should be more of a service before anything is known of it: the users' table. Pure.

Flows in: a declaration. Flows out: a Rule with where each part of it comes from, for decisions
until a capacity is learned, and as alarms afterwards. What its owner declared wins, part by part.

| service | CPU out/in | memory out/in | instances |
|---|---|---|---|
| api | 70/30 % | 80/40 % | 2–10 |
| worker | 75/25 % | – | 1–8 |
| webui | 60/20 % | – | 1–5 |
| postgres | 80/40 % | 85/50 % | size alone |
| any other | 70/30 % | 80/40 % | as declared |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename

from everup.model.axis import Axis
from everup.model.sizing import Band, ScalingSpec
from everup.model.stack import ServiceSpec

DECLARED, TABLE, USUAL = "declared", "table", "usual"
"""Where a part of a rule comes from: its owner, a row of the table, or what holds for any other."""
_APART = re.compile(r"[^a-z]+")
_NOBODY = ScalingSpec()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `least` 0: the number of instances is none of its business."""

    cpu: Band
    memory: Band | None
    least: int = 0
    most: int = 0
    axis: Axis = Axis.BOTH


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one service.

    `memory` None: memory is no reason for another number or size. `least` and `most` are those of
    the table only where its owner declared none; then they are a recommendation and bind nobody.
    `axis` BOTH: by number what is asked of it, by size what each needs of memory. `source`: like
    `table api`, `usual`, `declared cpu, table api`.
    """

    cpu: Band
    memory: Band | None
    least: int
    most: int
    axis: Axis
    source: str


ROWS: Mapping[str, Row] = {
    "api": Row(Band(0.70, 0.30), Band(0.80, 0.40), 2, 10),
    "worker": Row(Band(0.75, 0.25), None, 1, 8),
    "webui": Row(Band(0.60, 0.20), None, 1, 5),
    "postgres": Row(Band(0.80, 0.40), Band(0.85, 0.50), axis=Axis.SIZE),
}
ANY_OTHER = Row(Band(0.70, 0.30), Band(0.80, 0.40))
NAMES: Mapping[str, str] = {
    **{name: name for name in ROWS},
    "apis": "api",
    "workers": "worker",
    "postgresql": "postgres",
    "postgis": "postgres",
    "pg": "postgres",
    "timescaledb": "postgres",
}
"""How a service, its program or its image may be called → the row."""


def rule_for(spec: ServiceSpec) -> Rule:
    """The rule of this service."""
    said = spec.scaling or _NOBODY
    name = row_of(spec)
    row = ROWS.get(name, ANY_OTHER)
    has_row_bounds = bool(row.least) and not spec.has_bounds
    declared = [
        part
        for part, value in (("cpu", said.cpu), ("memory", said.memory), ("axis", said.axis))
        if value is not None
    ]
    sources = [f"{DECLARED} {' and '.join(declared)}"] if declared else []
    if said.cpu is None or (said.memory is None and row.memory is not None):
        sources.append(f"{TABLE} {name}" if name else USUAL)
    return Rule(
        cpu=said.cpu or row.cpu,
        memory=said.memory or row.memory,
        least=row.least if has_row_bounds else spec.min_instances,
        most=row.most if has_row_bounds else spec.max_instances,
        axis=said.axis or _nature(spec, row),
        source=", ".join(sources),
    )


def row_of(spec: ServiceSpec) -> str:
    """The row of the table: by its name, else by its program, else by how it is asked; "": none."""
    program = basename(spec.command[0]) if spec.command else ""
    for text in (spec.name, program):
        if found := _named(text):
            return found
    return "postgres" if spec.probe is not None and spec.probe.postgres else ""


def _named(text: str) -> str:
    """`shop-api-2`, `web_ui` and `workers` are named so; `apiary` and `api-tests` are not."""
    words = [word for word in _APART.split(text.lower()) if word]
    if not words:
        return ""
    return NAMES.get(words[-1]) or NAMES.get("".join(words[-2:])) or ""


def _nature(spec: ServiceSpec, row: Row) -> Axis:
    if spec.is_one_shot:
        return Axis.NONE
    return Axis.SIZE if spec.is_stateful else row.axis
