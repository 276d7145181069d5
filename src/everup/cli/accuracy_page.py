"""How good predictions were, on the terminal: a part of the report, and of a replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from everup.cli.show import clean, console, moment
from everup.cli.words import happened, span

MISSES_SHOWN = 10
COLUMNS = (
    *("service", "hits", "late", "averted", "false", "precision"),
    *("foreseen", "missed", "recall"),
)
HEADERS = (
    "hits: came within the horizon; late: came after it; averted: something was done in time, and "
    "nobody knows whether it would have come. precision: hits of hits, late and false. recall: "
    "foreseen of the failures that count. Brier: mean squared error of forecasts; base: that of "
    "always saying how often it comes; less is better.\n"
)

Found = Mapping[str, Any]


def accuracy(found: Found) -> None:
    """Nothing where there is nothing to tell."""
    overall = found["overall"]
    rows = [("all", overall), *((s["name"], s) for s in found["services"] if _has_news(s))]
    if not _has_news(overall) and not overall["forecasts"]:
        return
    _table(
        "Predictions",
        (*COLUMNS, "lead half", "lead 10 %", "Brier", "base"),
        [_row(name, one) for name, one in rows],
    )
    console().print(Text(HEADERS, "dim"))
    _table(
        "Predictions by cause",
        ("cause", *COLUMNS[1:]),
        [_row(one["name"], one)[: len(COLUMNS)] for one in found["causes"]],
    )
    _table(
        "What was said, and what came",
        ("said", "forecasts", "came"),
        [(_percent(t["said"]), t["count"], _percent(t["came"])) for t in overall["reliability"]],
    )
    _misses(found["misses"])
    for reason, count in found["left_out"].items():
        _note(f"{count} failures do not count: {clean(reason)}")
    if found["set_aside"]:
        _note(f"{found['set_aside']} forecasts do not count: nobody can say whether they came true")


def _note(text: str) -> None:
    console().print(Text(text, "dim"))


def _has_news(one: Found) -> bool:
    names = ("hits", "late", "averted", "false_alarms", "void", "failures")
    return any(one[name] for name in names)


def _row(name: str, one: Found) -> tuple[object, ...]:
    return (
        name,
        one["hits"],
        one["late"],
        one["averted"],
        one["false_alarms"],
        _percent(one["precision"]),
        one["foreseen"],
        one["missed"] + one["early"],
        _percent(one["recall"]),
        _span(one["lead_p50_s"]),
        _span(one["lead_p10_s"]),
        _score(one["brier"]),
        _score(one["brier_of_base"]),
    )


def _misses(misses: Sequence[Found]) -> None:
    out = console()
    if misses:
        out.print(Text("Failures that nothing foresaw in time", "bold"))
    for miss in misses[:MISSES_SHOWN]:
        when = moment(miss["at_s"], with_day=True)
        before = "; ".join(_moved(one) for one in miss["visible"] if one["has_moved"])
        seen = "; ".join(filter(None, [before, *map(clean, miss["anomalies"])]))
        what = f"  {when} {clean(miss['service'])} {happened(miss['cause'])}"
        early = " (foretold for sooner)" if miss["prediction_id"] else ""
        out.print(Text(f"{what}{early}: {seen or 'nothing moved before'}"))
    if len(misses) > MISSES_SHOWN:
        _note(f"  and {len(misses) - MISSES_SHOWN} more; --json lists them")


def _moved(one: Found) -> str:
    name = clean(one["signal"]).replace("_", " ")
    return f"{name} {one['first']:.3g} → {one['last']:.3g}"


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    made = list(rows)
    if not made:
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in made:
        table.add_row(*[Text("–" if cell in (None, "") else clean(cell)) for cell in row])
    console().print(table)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.0f} %"


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else span(seconds)


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
