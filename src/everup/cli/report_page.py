"""The report on the terminal: four small tables, the ones with nothing to say left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from everup.cli import accuracy_page
from everup.cli.show import clean, console, moment
from everup.cli.words import named, span

HEADERS = (
    "well: share of the watched time; own: troubles of its own; others': troubles of others "
    "that hurt it. Of its own were healed by Everup, passed by themselves, or needed a person. "
    "mean, 90 %: how long the healed ones lasted.\n"
)

Service = Mapping[str, Any]


def report(found: Mapping[str, Any]) -> None:
    """What `everup report` prints."""
    out = console()
    since = moment(max(found["since_s"], found["looked_since_s"] or 0.0), with_day=True)
    frozen = f", frozen for {span(found['frozen_s'])}" if found["frozen_s"] else ""
    watched = span(found["watched_s"])
    out.print(Text(f"{clean(found['stack'])} since {since}: watched for {watched}{frozen}", "bold"))
    if found["is_cut"]:
        out.print(Text("the journal holds more than was read; ask for a shorter time", "yellow"))
    services = found["services"]
    _table(
        "Services",
        ("service", "well", "own", "others'", "healed", "passed", "person", "mean", "90 %"),
        [_overview(s) for s in services],
    )
    out.print(Text(HEADERS, "dim"))
    _table(
        "What would have been done, had the mode been auto",
        ("service", "proposals", "right", "wrong", "not known"),
        [_would(s) for s in services if s["would_have_done"]],
    )
    _table(
        "What was done",
        ("service", "action", "by", "times", "helped", "did not", "success"),
        [row for s in services for row in _acts(s)],
    )
    wrong = {s["service"]: s["wrong_actions"] for s in services if s["wrong_actions"]}
    for name, count in wrong.items():
        was = "1 action of Everup's was" if count == 1 else f"{count} actions of Everup's were"
        text = f"{clean(name)}: {was} wrong: needless, on a victim, or it became worse"
        out.print(Text(text, "red"))
    _table(
        "Troubles that ended by themselves",
        ("service", "cause", "times", "half within", "90 % within", "Everup waits"),
        [row for s in services for row in _natural(s)],
    )
    if predictions := found.get("predictions"):
        accuracy_page.accuracy(predictions)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    made = list(rows)
    if not made:
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        is_name = number == 0 or column in ("action", "cause", "by")
        table.add_column(column, justify="left" if is_name else "right", overflow="fold")
    for row in made:
        table.add_row(*[Text("–" if cell in (None, "", 0) else clean(cell)) for cell in row])
    console().print(table)


def percent(share: float | None) -> str:
    """Three digits behind the point where it nearly is everything, none where it is far from it."""
    if share is None:
        return "unknown"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    return f"{100 * share:.3f} %" if share > 0.99 else f"{100 * share:.1f} %"


def _overview(service: Service) -> tuple[object, ...]:
    endings = service["endings"]
    people = endings.get("by_a_person", 0) + service["escalated"]
    mean_s, most_s = service["heal_mean_s"], service["heal_p90_s"]
    return (
        service["service"],
        percent(service["availability"]),
        service["episodes"] + service["still_open"],
        service["suffered"],
        endings.get("healed", 0),
        endings.get("by_itself", 0),
        people,
        None if mean_s is None else span(mean_s),
        None if most_s is None else span(most_s),
    )


def _would(service: Service) -> tuple[object, ...]:
    right, wrong = service["would_be_right"], service["would_be_wrong"]
    left = max(0, service["would_have_done"] - right - wrong)
    return service["service"], service["would_have_done"], right, wrong, left


def _acts(service: Service) -> list[tuple[object, ...]]:
    return [
        (
            service["service"],
            named(record["kind"]),
            by,
            record["begun"],
            record["verified"],
            record["failed"],
            None if record["success_ratio"] is None else f"{100 * record['success_ratio']:.0f} %",
        )
        for by, records in (
            ("Everup", service["actions"]),
            ("a person", service["people_actions"]),
        )
        for record in records
    ]


def _natural(service: Service) -> list[tuple[object, ...]]:
    return [
        (
            service["service"],
            ends["cause"],
            ends["count"],
            span(ends["p50_s"]),
            span(ends["p90_s"]),
            span(ends["wait_s"]) if ends["wait_s"] else "not yet",
        )
        for ends in service["natural_ends"]
    ]
