"""Which safe point a service goes back to, or why there is none. Pure.

Flows in: the service as declared, what is remembered of it. Flows out: a SafePoint, or a NoWayBack
that a person can read. Called by `propose`, and by whoever explains.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.safe_point import SafePoint, number_stays
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState
from everup.model.version import files_of, only_files_differ

ONE_WAY = "one_way"
STATEFUL = "stateful"
"""Name of the refusal for what keeps data; its files alone may go back all the same."""

NOT_COMPARABLE = (
    "what was kept of {} was counted otherwise than what runs now, by another version of Everup or "
    "with another version.key, so that nobody could tell whether it went back; it is kept anew as "
    "soon as it is well, and nothing was removed"
)


@dataclass(frozen=True, slots=True)
class NoWayBack:
    """Nothing is gone back to, and why; `name` for scripts."""

    reason: str
    name: str = "nothing_to_roll_back"


def way_back(
    spec: ServiceSpec, remembered: ServiceState, settings: Settings
) -> SafePoint | NoWayBack:
    """The newest safe point, where only the number of instances is another one since; else the
    newest that is another version than the one that runs. Of what keeps data only one with other
    files, unless its owner declared that it may go back."""
    no = forbidden(spec, settings)
    if remembered.has_other_number and not remembered.has_other_version:
        return _to_its_number(spec, remembered, no)
    if no is not None and no.name != STATEFUL:
        return no
    others = [p for p in reversed(remembered.ways_back) if p.version != remembered.version]
    if others and not (others := [p for p in others if can_be_written(p, remembered.version)]):
        return NoWayBack(
            f"only configuration files of {spec.name} changed, and what they were was not kept"
        )
    if no is not None:
        others = [p for p in others if only_files_differ(p.version, remembered.version)]
        if not others:
            return no
    if not remembered.version:
        return NoWayBack(f"what {spec.name} runs from was not seen yet")
    if not remembered.safe_points:
        return NoWayBack(f"{spec.name} was not seen to be well for long enough yet")
    if not remembered.ways_back:
        return NoWayBack(NOT_COMPARABLE.format(spec.name), "not_comparable")
    if others:
        return others[0]
    title = remembered.ways_back[-1].title
    return NoWayBack(
        f"nothing has changed: {spec.name} runs from what was last seen to be well ({title})"
    )


def can_be_written(point: SafePoint, version: str) -> bool:
    """Is more to be done than to write files of which nothing was kept?"""
    return not only_files_differ(point.version, version) or bool(files_of(point.version))


def number_of(spec: ServiceSpec, remembered: ServiceState, point: SafePoint) -> int:
    """How many instances there are to be once it went back; 0: as many as there are. Only where
    somebody changed their number: what Everup scaled is proven by itself."""
    is_other = remembered.has_other_number and point.instances not in (0, remembered.counted)
    if spec.is_stateful and not spec.rollback_is_safe:
        return 0
    if not is_other or number_stays(spec, remembered.counted, point.instances):
        return 0
    return point.instances


def title_of(remembered: ServiceState, point: SafePoint, count: int) -> str:
    """What a person would call what it goes back to."""
    if not count:
        return point.title
    many = f"{count} instance{'s' if count > 1 else ''}"
    return many if point.version == remembered.version else f"{point.title} with {many}"


def _to_its_number(
    spec: ServiceSpec, remembered: ServiceState, no: NoWayBack | None
) -> SafePoint | NoWayBack:
    """Older data are no matter here, only that a service that keeps data has copies at all."""
    point = remembered.ways_back[-1]
    if no is not None and no.name == STATEFUL:
        text = (
            f"{spec.name} keeps data, and how many instances it has is not changed of Everup's own "
            "accord; if it may, declare rollback_safe: true, or the label everup.rollback_safe=true"
        )
        return NoWayBack(text, STATEFUL)
    if no is not None and no.name != ONE_WAY:
        return no
    if why := number_stays(spec, remembered.counted, point.instances):
        return NoWayBack(why, "instances")
    return point


def forbidden(spec: ServiceSpec, settings: Settings) -> NoWayBack | None:
    """Why it may go back to nothing at all, whatever is kept; None when it may."""
    if not settings.rollback_enabled:
        text = "rollback is switched off: rollback_enabled, or ROLLBACK_ENABLED, is false"
        return NoWayBack(text, "rollback_off")
    if spec.is_one_way:
        text = (
            f"{spec.name} is declared one-way: its schema changes with it, so that an older "
            "version cannot run on what a newer one has written (one_way: true, or the label "
            "everup.one_way=true)"
        )
        return NoWayBack(text, ONE_WAY)
    if spec.is_stateful and not spec.rollback_is_safe:
        text = (
            f"{spec.name} keeps data, which an older version may not be able to read; if it is, "
            "declare rollback_safe: true, or the label everup.rollback_safe=true"
        )
        return NoWayBack(text, STATEFUL)
    return None
