"""`everup graph` and `everup what-if`: edges, their review, failure paths, and who would suffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everup.cli import client, show
from everup.cli.exits import OK, UNWELL
from everup.cli.place import Place
from everup.model.kinds import Condition

EDGES = ("service", "needs", "kind", "weight", "learned", "episodes", "known from", "sure", "seen")
PATHS = ("way", "probability", "risk", "after")
SPREADS = frozenset({Condition.UNHEALTHY, Condition.DOWN, Condition.STOPPED, Condition.PAUSED})
"""Who is so fails by itself, as the model of docs/cascade-risk.md counts."""
SUFFERING = ("service", "probability", "way", "likely after", "soonest after")


def put_edges(place: Place) -> int:
    """A table of all edges, then circles."""
    found = client.get(place, "/dependencies")
    if place.is_json:
        show.put_json({"edges": found["edges"], "cycles": found["cycles"]})
        return OK
    show.put_table("edges", EDGES, [_edge(edge) for edge in found["edges"]])
    _put_cycles(found["cycles"])
    return OK


def put_review(place: Place) -> int:
    """Both lists, with what keeps them from being complete; 1 when there is something in them."""
    found = client.get(place, "/dependencies/review")
    is_clean = not found["never_seen"] and not found["undeclared"]
    if place.is_json:
        show.put_json(found)
        return OK if is_clean else UNWELL
    if found["fault"]:
        show.put_text(f"no connections can be seen: {found['fault']}")
    elif found["since_s"] is None:
        show.put_text("no connection between services of this stack was seen yet")
    else:
        show.put_text(f"connections are known since {show.moment(found['since_s'], with_day=True)}")
    never = [(e["service"], e["target"], e["source"], e["why"]) for e in found["never_seen"]]
    columns = ("service", "needs", "known from", "nobody could look")
    _put_some("declared, never seen", columns, never)
    undeclared = [
        (e["service"], e["target"], show.moment(e["last_seen_s"], with_day=True))
        for e in found["undeclared"]
    ]
    _put_some("seen, not declared", ("service", "talks to", "last seen"), undeclared)
    for service, why in sorted(found["unseen"].items()):
        show.put_text(f"nobody can look at {service}: {why}")
    _put_cycles(found["cycles"])
    return OK if is_clean else UNWELL


def put_paths(place: Place) -> int:
    """Cascade risk of the stack, the riskiest ways, single points of failure."""
    found = client.get(place, "/dependencies")
    cascade = found["cascade"]
    if place.is_json:
        show.put_json(cascade)
        return OK
    risk = f"cascade risk {cascade['risk']:.3f}, {cascade['expected']:.2f} services on average"
    ill = sorted(n["service"] for n in found["nodes"] if n["condition"] in SPREADS)
    besides = f"; ill already, and not counted in: {', '.join(ill)}" if ill else ""
    show.put_text(f"{risk}, within 15 minutes{besides}")
    ways = [
        (" → ".join(p["services"]), f"{p['probability']:.4f}", f"{p['risk']:.4f}", _after(p))
        for p in cascade["paths"]
    ]
    _put_some("failure paths", PATHS, ways)
    points = [
        (p["service"], f"{p['expected']:.1f}", ", ".join(p["hurt"]))
        for p in cascade["single_points"]
    ]
    columns = ("service", "hurts on average", "likely hurt")
    _put_some("single points of failure", columns, points)
    return OK


def put_mitigations(place: Place) -> int:
    """What would keep the present failure from spreading, best first, and what is in force."""
    found = client.get(place, "/dependencies")["mitigations"]
    if place.is_json:
        show.put_json(found)
        return OK
    if not found["sources"]:
        show.put_text(
            "nobody is sick whom others need, so that nothing has to be kept from spreading"
        )
    else:
        who, reach = ", ".join(found["sources"]), len(found["exposed"])
        show.put_text(
            f"{who} can reach {reach} others, with a risk of {found['risk']:.2f} each, as"
            " things stand"
        )
    options = [
        (o["kind"], o["text"], f"{o['risk_before']:.2f} → {o['risk_after']:.2f}", o["standing"])
        for o in found["options"]
    ]
    _put_some("mitigations", ("kind", "what", "risk", "stands"), options)
    held = [
        (m["kind"], m["service"], m["because"], show.moment(m["since_s"]), m["action_id"])
        for m in found["in_force"]
    ]
    _put_some("in force", ("kind", "service", "because of", "since", "action"), held)
    if found["left_out"]:
        show.put_text(f"{found['left_out']} more were not looked at")
    return OK


def put_what_if(place: Place, service: str) -> int:
    """Who suffers, likeliest first."""
    found = client.get(place, "/dependencies/what-if", service=service)
    if place.is_json:
        show.put_json(found)
        return OK
    if not found["suffering"]:
        show.put_text(f"if {service} fails, nobody else is known to suffer")
        return OK
    rows = [
        (
            s["service"],
            s["probability"],
            " → ".join(s["by"]),
            f"{s['delay_s']:.0f} s",
            f"{s['soonest_s']:.0f} s",
        )
        for s in found["suffering"]
    ]
    show.put_table(f"if {service} fails", SUFFERING, rows)
    show.put_text(f"{found['expected']:.1f} services suffer on average")
    return OK


def _put_some(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table, or in one line that nothing is in it."""
    if rows:
        show.put_table(title, columns, rows)
    else:
        show.put_text(f"{title}: none")


def _edge(edge: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        edge["service"],
        edge["target"],
        edge["kind"],
        edge["weight"],
        edge["learned"],
        f"{edge['episodes']:.0f}",
        edge["source"],
        edge["confidence"],
        show.moment(edge["last_seen_s"], with_day=True) or "never",
    )


def _after(path: Mapping[str, Any]) -> str:
    return f"{path['delay_s']:.0f} s"


def _put_cycles(cycles: list[list[str]]) -> None:
    for cycle in cycles:
        show.put_text(f"a circle: {', '.join(cycle)} need each other")
