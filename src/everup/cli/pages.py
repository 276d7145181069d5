"""Explanations on the terminal: an incident, the answers per kind, the plan.

Flows in: bodies of the API. Flows out: Rich renderables on standard output, readable from 80
columns on. Whatever services wrote is text here: no markup, no control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from everup.cli import telling, timeline
from everup.cli.show import COLOURS, clean, console, moment
from everup.cli.words import BEHIND, STATES, lasting, remedy, span, until

LOG_LINES_SHOWN = 5
NOTE_LENGTH_MOST = 300
BORDERS = {"resolved": "green", "escalated": "red", "open": "yellow"}
SURE, LIKELY = 0.6, 0.25


def incident(story: Mapping[str, Any]) -> None:
    """What `everup explain` prints."""
    out = console()
    state, when = clean(story["state"]), moment(story["origin_s"], with_day=True)
    title = f"{clean(story['id'])}: {clean(story['service'])}, {clean(story['cause'])}, {state}"
    text = Text(telling.summary(story))
    out.print(Panel(text, title=Text(title, "bold"), subtitle=when, border_style=BORDERS[state]))
    _part("What happened", _timeline(story))
    if story["causes"]:
        _part("What may lie behind it, likeliest first", _causes(story["causes"]))
    if story["gate"]:
        _part("What the gate said", _gate(story["gate"]))
    for number, action in enumerate(story["actions"], 1):
        _part(
            f"Action {number}: {clean(action['kind'])} of {clean(action['service'])}", _act(action)
        )
    if story["bystanders"]:
        _part("Who suffered from it", _bystanders(story["bystanders"]))
    if story["remedies"]:
        _part("What you can do now", remedies(story["remedies"]))


def _part(title: str, body: Table) -> None:
    console().print(Text(title, "bold"))
    console().print(Padding(body, (0, 0, 1, 2)))


def _grid(rows: Iterable[Sequence[Text | str]]) -> Table:
    """Columns without lines; the last one takes what is left and wraps."""
    table = Table.grid(padding=(0, 2))
    made = [[x if isinstance(x, Text) else Text(clean(x)) for x in row] for row in rows]
    for position in range(len(made[0]) if made else 0):
        is_last = position == len(made[0]) - 1
        table.add_column(no_wrap=not is_last, overflow="fold", ratio=1 if is_last else None)
    for row in made:
        table.add_row(*row)
    return table


def _timeline(story: Mapping[str, Any]) -> Table:
    first_s = story["origin_s"]
    rows = []
    for at_s, said in timeline.lines(story):
        after = f"+{span(max(0.0, at_s - first_s))}" if first_s is not None else ""
        rows.append((Text(after.rjust(8), "cyan"), Text(moment(at_s), "dim"), said))
    if story["has_more"]:
        rows.append((Text(""), Text(""), "… and more; the journal holds all of it"))
    return _grid(rows)


def _causes(causes: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for cause in causes:
        share = cause["confidence"]
        style = "bold" if share >= SURE else "" if share >= LIKELY else "dim"
        what = BEHIND.get(cause["cause"], clean(cause["cause"]))
        if cause["cause"] not in ("unknown", "host_pressure"):
            what = f"{clean(cause['service'])}, {what}"
        line = Text(what, style)
        line.append(f": {clean(cause['reason'])}")
        rows.append((Text(f"{100 * share:.0f} %".rjust(5), style), line))
    return _grid(rows)


def _gate(words: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for word in words:
        line = Text(clean(word["kind"]) + " ")
        line.append(clean(word["answer"]), COLOURS.get(word["answer"], ""))
        line.append(f" by {clean(word['check'])}{until(word['until_s'], word['at_s'])}")
        line.append(f": {clean(word['reason'])}")
        rows.append((Text(moment(word["at_s"]), "dim"), line))
    return _grid(rows)


def _act(action: Mapping[str, Any]) -> Table:
    by = "Everup itself" if action["by"] == "everup" else clean(action["by"])
    result = Text(clean(action["state"]), COLOURS.get(action["state"], ""))
    end_s = action["ended_at_s"]
    if end_s is not None:
        result.append(f" after {span(end_s - action['intended_at_s'])}")
    said = action["verdict"] or action["error"]
    if said:
        result.append(f": {clean(said)}", "")
    rows: list[tuple[str, Text | str]] = [
        ("by", f"{by}, because: {action['reason']}"),
        ("before", _sighting(action["before"])),
    ]
    rows += [("during", note) for note in _during(action["during"])]
    rows.append(("after", _sighting(action["after"])))
    rows.append(("result", result))
    told: list[tuple[Text, Text | str]] = []
    for name, value in rows:
        is_new = not told or name != rows[len(told) - 1][0]
        told.append((Text(name if is_new else "", "dim"), value))
    return _grid(told)


def _sighting(seen: Mapping[str, Any] | None) -> str:
    if seen is None:
        return "nothing was seen yet"
    score = "unknown" if seen["score"] is None else f"{seen['score']:.2f}"
    probe = f"; last probe of {seen['probe']}" if seen["probe"] else ""
    return f"{seen['condition']}, score {score}{probe}"


def _during(notes: Sequence[str]) -> list[str]:
    """The last lines that the service wrote before it was touched."""
    shown = [clean(note)[:NOTE_LENGTH_MOST] for note in notes[-LOG_LINES_SHOWN:]]
    left = len(notes) - len(shown)
    if not shown:
        return ["the service had written nothing"]
    return [f"… {left} lines before; all with --json", *shown] if left else shown


def _bystanders(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for one in found:
        touched = "somebody acted on it meanwhile" if one["was_acted_upon"] else "left alone"
        condition = clean(one["condition"])
        rows.append(
            (clean(one["service"]), Text(f"{condition} now", COLOURS.get(condition, "")), touched)
        )
    return _grid(rows)


def remedies(found: Sequence[Mapping[str, Any]]) -> Table:
    """What to type, and what it does."""
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold", max_width=46)
    table.add_column(overflow="fold", ratio=1)
    for way in found:
        typed, does = remedy(way)
        table.add_row(Text(typed, "bold"), Text(does))
    return table


def why_not(found: Mapping[str, Any]) -> None:
    """What `everup why-not` prints: what may be done first, what cannot be done last."""
    out = console()
    name, condition, finding = clean(found["service"]), clean(found["condition"]), found["finding"]
    head = Text(f"{name} is ")
    head.append(condition, COLOURS.get(condition, ""))
    head.append(f": {clean(finding['cause'])}, {clean(finding['reason'])}" if finding else "")
    out.print(head)
    if found["at_s"] is None:
        out.print("there was no look yet")
        return
    told = [a for a in found["actions"] if a["rungs"]]
    if told:
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        table.add_column("action", no_wrap=True)
        table.add_column("Everup", no_wrap=True)
        table.add_column("you", no_wrap=True)
        table.add_column("why, and how to change it", overflow="fold", ratio=1)
        for answer in told:
            table.add_row(*_kind(answer, found["now_s"]))
        out.print(table)
    states = {a["kind"]: a["own"]["state"] for a in found["actions"]}
    others = [a for a in found["actions"] if states[a["kind"]] == "not_on_ladder"]
    if others:
        why = clean(others[0]["own"]["reason"])
        _part(f"Everup proposes nothing of this: {why}", _grid([_other(a) for a in others]))
    cannot = [a for a in found["actions"] if states[a["kind"]] == "cannot"]
    if cannot:
        _part("Cannot be done", _grid([_cannot(a) for a in cannot]))


def _other(answer: Mapping[str, Any]) -> tuple[Text, Text]:
    """What is on no ladder: only a person's command would do it."""
    person = answer["person"]
    if person["state"] == "allowed":
        line = Text("you may: ")
    else:
        line = Text(f"you may not: {clean(person['check'])}: {clean(person['reason'])} ")
    for way in answer["remedies"]:
        if way["way"] != "wait":
            line.append(f"{remedy(way)[0]} ", "cyan")
    return Text(clean(answer["kind"])), line


def _cannot(answer: Mapping[str, Any]) -> tuple[Text, Text]:
    line = Text(clean(answer["own"]["reason"]))
    for way in answer["remedies"]:
        line.append(f" → {remedy(way)[0]}", "cyan")
    return Text(clean(answer["kind"]), "dim"), line


def _kind(answer: Mapping[str, Any], now_s: float) -> tuple[Text, ...]:
    own, person = answer["own"], answer["person"]
    why = Text()
    why.append(f"{clean(own['check'])}: " if own["check"] else "", "dim")
    why.append(lasting(own["reason"], own["until_s"], now_s))
    if person["state"] != "allowed" and person["reason"] != own["reason"]:
        said = lasting(person["reason"], person["until_s"], now_s)
        why.append(f"\nyou: {clean(person['check'])}: {said}")
    for way in answer["remedies"]:
        typed, _ = remedy(way)
        if way["way"] != "wait":
            why.append(f"\n→ {typed}", "cyan")
    return (Text(clean(answer["kind"])), _word(own), _word(person), why)


def _word(said: Mapping[str, Any]) -> Text:
    return Text(STATES[said["state"]], COLOURS.get(said["state"], "dim"))
