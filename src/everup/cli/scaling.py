"""`everup scale` without an amount: what is asked of every service, what it should be and why, what
it costs; of one service all of it in sentences.

Flows in: the body of `GET /scaling`. Flows out: a table, sentences, recommendations, or a Compose
file. Numbers and sentences are the API's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from everup.cli import client, show
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.hints import typed
from everup.cli.place import Place
from everup.cli.show import clean, console, moment
from everup.cli.words import listed, named, spoken

MIB = 1024 * 1024
COLUMNS = ("service", "there", "asked", "one carries", "in 15 min (95 %)", "should be")
PER = {"requests/s": "/s", "cores": " cores", "": ""}
STATES = {
    "off": "Auto scaling is switched off (AUTO_SCALING_ENABLED=false): sizes are yours alone.",
    "waiting": "There was no look yet.",
    "learning": "Still learning: where not enough is known, the plain rules decide.",
}
DONE_MOST = 5
NOTHING_MORE = "nothing is recommended"


def put_sizes(
    place: Place, service: str | None, *, is_compose: bool = False, is_recommended: bool = False
) -> int:
    """A table, one service in full, recommendations, the API's JSON, or a Compose file."""
    found = client.get(place, "/scaling")
    services = found["services"]
    if service is not None and service not in services:
        known = ", ".join(sorted(services))
        raise Stop(USAGE, f"no service {service!r}; there are: {known}")
    if is_compose and service is not None:
        raise Stop(USAGE, f"the Compose file is of all services; leave {service} out")
    if is_compose and is_recommended:
        nothing = f"# {NOTHING_MORE}"
        if any(one["recommendations"] for one in services.values()):
            nothing += " that a Compose file has a place for: everup scale --recommend"
        print(found["recommended_override"] or nothing)
        return OK
    if is_compose:
        print(found["override"] or "# everything is as your Compose files say")
        return OK
    if place.is_json:
        show.put_json(found if service is None else services[service])
        return OK
    if is_recommended:
        has_file = bool(found["recommended_override"])
        mine = [s for name, s in services.items() if service in (None, name)]
        put_recommended(mine, has_file=has_file)
    elif service is not None:
        put_one(found, services[service])
    else:
        put_all(found)
    return OK


def put_all(found: Mapping[str, Any]) -> None:
    """All services, what they cost together, and the one thing that would save most."""
    out, services = console(), list(found["services"].values())
    if found["state"] in STATES:
        out.print(Text(STATES[found["state"]], "dim"))
    if found["fault"]:
        out.print(Text(clean(found["fault"]), "yellow"))
    for one in services:
        if one["queue_fault"]:
            said = f"the queue of {one['service']} cannot be read: {one['queue_fault']}"
            out.print(Text(clean(said), "yellow"))
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "service")
    is_wide = out.width >= WIDE
    if is_wide:
        table.add_column("why", overflow="fold", ratio=1)
    for one in services:
        row = _row(one)
        table.add_row(*row, Text(spoken(one["why"]))) if is_wide else table.add_row(*row)
    out.print(table)
    if not is_wide:
        _put_why(services)
    for why, names in _no_more(services).items():
        show.put_text(f"no more of {listed(names)}, since {why}")
    _put_costs(services)
    if found["override"]:
        out.print("Some are not as declared; to keep them: everup scale --compose > sizes.yml")


WIDE = 110
"""Columns from which there is room for sentences beside numbers; else they come below."""


def put_one(found: Mapping[str, Any], one: Mapping[str, Any]) -> None:
    """Everything that a person on call wants to know of one service."""
    out, name = console(), one["service"]
    out.print(Text(clean(name), "bold"))
    for line in one["told"]:
        is_more = line.startswith("  ")
        _put(spoken(line.strip()), indent=4 if is_more else 2)
    counts = one["instances"]
    bounds = f"from {counts['least']} to {counts['most']}"
    if not counts["is_bound"]:
        bounds = f"without bounds (a person may have up to {counts['most']})"
    _put(
        f"Declared: {counts['declared']}, {bounds};"
        f" {counts['running']} run, {counts['wanted']} are wanted."
        f" Memory of each: {_memory(one['memory_bytes'])}; CPUs of each: {_cpus(one['cpus'])}."
    )
    for why in _no_more([one]):
        _put(f"No more of it, since {clean(why)}")
    if len(one["leaving"]) > 1:
        _put(f"First to go: {clean(one['leaving'][0])}.")
    _put_lately(found, name)


def _put(text: str, indent: int = 2) -> None:
    """Further lines of it begin below its first."""
    console().print(Padding(Text(text), (0, 0, 0, indent), expand=False))


def put_recommended(services: Iterable[Mapping[str, Any]], *, has_file: bool = True) -> None:
    """What its owner might change, what saves most first. `has_file`: a Compose file can say some
    of it."""
    pairs = [(one["cost"]["currency"], r) for one in services for r in one["recommendations"]]
    pairs.sort(key=lambda pair: -pair[1]["saving_per_month"])
    if not pairs:
        show.put_text(f"{NOTHING_MORE[0].upper()}{NOTHING_MORE[1:]}.")
        return
    out = console()
    for currency, one in pairs:
        out.print(Text(clean(one["text"]), "bold"))
        _put(f"{_gain(one, currency)}; {clean(one['risk'])}")
    if has_file:
        out.print(Text("As a Compose file: everup scale --recommend --compose > sizes.yml", "dim"))


def _row(one: Mapping[str, Any]) -> tuple[Text, ...]:
    per = PER.get(one["demand"]["unit"], "")
    counts, choice, capacity = one["instances"], one["decision"], one["capacity"]
    ahead = (one["forecast"] or {}).get("ahead", {}).get("quantiles")
    there = str(counts["there"])
    if counts["running"] != counts["there"]:
        there = f"{counts['running']} of {counts['there']}"
    carries = "–"
    if capacity is not None and capacity["lower"] is not None:
        carries = _amount(capacity["lower"], per)
        if capacity["source"] == "rules":
            carries += " by rule"
        elif not capacity["is_known"]:
            carries = f"≥ {carries}"
    future = "–"
    if ahead is not None:
        future = f"{_amount(ahead['p50'], '')} ({_amount(ahead['p95'], '')}){per}"
    return (
        Text(clean(one["service"])),
        Text(there),
        Text(_amount(one["demand"]["now"], per)),
        Text(carries),
        Text(future),
        _should_be(choice, one["fixed"]),
    )


def _should_be(choice: Mapping[str, Any] | None, fixed: str) -> Text:
    if choice is None:
        return Text("–", "dim")
    if choice["instances"] != choice["instances_now"]:
        return Text(str(choice["instances"]), "yellow" if choice["waits"] else "green")
    if choice["is_change"]:
        return Text("another size", "yellow" if choice["waits"] else "green")
    return Text("as it is" if not fixed else "left alone", "dim")


def _put_why(services: Iterable[Mapping[str, Any]]) -> None:
    """One line for each reason, and who has it."""
    found: dict[str, list[str]] = {}
    for one in services:
        if one["why"]:
            found.setdefault(spoken(one["why"]), []).append(one["service"])
    for why, names in found.items():
        line = Text(f"{listed(names)}: ", "bold")
        line.append(why, "not bold")
        console().print(line)


def _put_costs(services: list[Mapping[str, Any]]) -> None:
    costs = [one["cost"] for one in services]
    month = sum(cost["per_month"] for cost in costs)
    if not month:
        return
    waste, currency = sum(cost["waste_per_month"] for cost in costs), costs[0]["currency"]
    line = f"Together {month:.2f} {currency} a month"
    show.put_text(f"{line}, {waste:.2f} {currency} of it not needed." if waste > 0 else f"{line}.")
    best = max(
        (r for one in services for r in one["recommendations"]),
        key=lambda one: one["saving_per_month"],
        default=None,
    )
    if best is not None:
        show.put_text(f"Recommended first: {best['text']}; {_gain(best, currency)}.")
        console().print(Text(f"  {typed('scale --recommend')}", "cyan"))


def _put_lately(found: Mapping[str, Any], name: str) -> None:
    done = [a for a in found["decisions"] if a["service"] == name][:DONE_MOST]
    chosen = [c for c in found["decided"] if c["service"] == name][:DONE_MOST]
    if chosen:
        console().print(Text("What should have been, lately", "bold"))
    for one in chosen:
        _put(f"{moment(one['at_s'])} {spoken(one['choice']['text'])}")
    if done:
        console().print(Text("What was done, lately", "bold"))
    for action in done:
        said = action["verdict"] or action["error"] or ""
        end = f": {spoken(said)}" if said else ""
        what = f"{named(action['kind'])} by {clean(action['by'])}, {clean(action['state'])}"
        _put(f"{moment(action['intended_at_s'])} {what}{end}")


def _gain(one: Mapping[str, Any], currency: str) -> str:
    saving = one["saving_per_month"]
    if not saving:
        return "costs nothing now"
    verb = "saves" if saving > 0 else "costs"
    return f"{verb} {abs(saving):.2f} {currency} a month"


def _no_more(services: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Reason → services that get no further instance because of it."""
    found: dict[str, list[str]] = {}
    for service in services:
        (out,) = [d for d in service["directions"] if d["kind"] == "scale_out"]
        for no in out["refusals"]:
            if no["text"] in service["why"]:
                continue  # that is said of it already
            found.setdefault(f"{no['name']}: {no['text']}", []).append(service["service"])
    return found


def _amount(value: float | None, per: str) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}{per}" if abs(value) >= 100 else f"{value:.3g}{per}"


def _memory(limit: Mapping[str, Any]) -> str:
    now = "no limit" if limit["now"] is None else f"{limit['now'] / MIB:.0f} MiB"
    if limit["declared"] is not None and limit["declared"] != limit["now"]:
        now += f" (declared {limit['declared'] / MIB:.0f} MiB)"
    return now


def _cpus(limit: Mapping[str, Any]) -> str:
    return "no limit" if limit["now"] is None else f"{limit['now']:g}"
