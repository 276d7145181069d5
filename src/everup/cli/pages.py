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
from everup.cli.evidence import evidence
from everup.cli.handover import state_word
from everup.cli.hints import typed
from everup.cli.show import COLOURS, PAUSED, clean, console, moment
from everup.cli.words import (
    STATES,
    behind,
    lasting,
    named,
    plainly,
    remedy,
    span,
    spoken,
    until,
    was_down,
)

BORDERS = {"resolved": "green", "escalated": "red", "open": "yellow"}
SURE, LIKELY = 0.6, 0.25
HANDED = frozenset({"with_a_person", "escalated"})
PRESSURE_LEAST = 0.15
"""A busy machine that explains less is left out: nearly every machine is busy at times."""


def incident(story: Mapping[str, Any], *, is_long: bool = False) -> None:
    """What `everup explain` prints; `is_long`: with the causes, the checks and all evidence."""
    out = console()
    state, when = clean(story["state"]), moment(story["origin_s"], with_day=True)
    what = clean(story["cause"]).replace("_", " ")
    title = f"{clean(story['id'])}: {clean(story['service'])}, {what}, {state_word(story)}"
    text = Text(telling.summary(story))
    out.print(Panel(text, title=Text(title, "bold"), subtitle=when, border_style=BORDERS[state]))
    _part("What happened", _timeline(story))
    if is_long:
        _all_of_it(story)
    if story["remedies"]:
        out.print(Text("What you can do now", "bold"))
        _put_remedies(story["remedies"])
    if not is_long and (story["actions"] or story["causes"] or story["gate"]):
        out.print(Text("The causes, the checks and the evidence: the same with --long", "dim"))


def _all_of_it(story: Mapping[str, Any]) -> None:
    if story["causes"]:
        _part("What may lie behind it, likeliest first", _causes(story["causes"]))
    if story["gate"]:
        _part("What had to be waited for, or was refused", _gate(story["gate"], story["now_s"]))
    for number, action in enumerate(all_actions(story), 1):
        name = named(action["kind"], is_down=was_down(action))
        _part(f"Action {number}: {name} of {clean(action['service'])}", grid(evidence(action)))
    if story.get("mitigations"):
        title = "What would keep it from spreading, most gain first"
        _part(title, _mitigations(story["mitigations"]))
    for action in story.get("contained", ()):
        name = named(action["kind"], is_down=False)
        _part(f"Against its spread: {name} of {clean(action['service'])}", grid(evidence(action)))
    if story["bystanders"]:
        _part("Who suffered from it", _bystanders(story["bystanders"]))
    scale = story.get("time_scale", 1.0)
    if scale != 1.0:
        console().print(Text(f"All waits are multiplied by {scale:g} here (time_scale).\n", "dim"))


def all_actions(story: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Everup's, and those of people after it was handed over."""
    return [*story["actions"], *(story.get("afterwards") or {"actions": ()})["actions"]]


def _part(title: str, body: Table) -> None:
    console().print(Text(title, "bold"))
    console().print(Padding(body, (0, 0, 1, 2)))


def grid(rows: Iterable[Sequence[Text | str]]) -> Table:
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
    return grid(rows)


def _causes(causes: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for cause in causes:
        if cause["cause"] == "host_pressure" and cause["confidence"] < PRESSURE_LEAST:
            continue
        share = cause["confidence"]
        style = "bold" if share >= SURE else "" if share >= LIKELY else "dim"
        what = behind(cause["cause"])
        if cause["cause"] not in ("unknown", "host_pressure"):
            what = f"{clean(cause['service'])}, {what}"
        line = Text(what, style)
        line.append(f": {clean(cause['reason'])}")
        rows.append((Text(f"{100 * share:.0f} %".rjust(5), style), line))
    return grid(rows)


def _gate(words: Sequence[Mapping[str, Any]], now_s: float) -> Table:
    rows = []
    for word in words:
        line = Text(f"{named(word['kind'])} ")
        line.append(clean(word["answer"]), COLOURS.get(word["answer"], ""))
        ends_s = word["until_s"]
        if ends_s is not None and ends_s <= now_s:
            line.append(f" {span(ends_s - word['at_s'])}, until {moment(ends_s)},")
        else:
            line.append(until(ends_s, now_s))
        line.append(f" by the check {clean(word['check'])}: {spoken(word['reason'])}")
        rows.append((Text(moment(word["at_s"]), "dim"), line))
    return grid(rows)


def _mitigations(options: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for one in options:
        risk = f"{one['risk_before']:.2f} → {one['risk_after']:.2f}"
        rows.append((Text(risk, "cyan"), f"{one['text']}; {one['standing']}"))
    return grid(rows)


def _bystanders(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for one in found:
        touched = "somebody acted on it meanwhile" if one["was_acted_upon"] else "left alone"
        condition = clean(one["condition"])
        rows.append(
            (clean(one["service"]), Text(f"{condition} now", COLOURS.get(condition, "")), touched)
        )
    return grid(rows)


def _put_remedies(found: Sequence[Mapping[str, Any]]) -> None:
    """What to type, and what it does: beside it where there is room, else below it."""
    out = console()
    told = [remedy(way) for way in found]
    wide = max(len(what) for what, _ in told)
    is_narrow = any(wide + len(does) + 4 > out.width for _, does in told)
    for what, does in told:
        line = Text("  ")
        line.append(what if is_narrow else what.ljust(wide), "bold")
        line.append(f"\n    {does}" if is_narrow else f"  {does}")
        out.print(line, soft_wrap=True)
    out.print()


def why_not(found: Mapping[str, Any]) -> None:
    """What `everup why-not` prints: what may be done first, what cannot be done last."""
    out = console()
    name, condition, finding = clean(found["service"]), clean(found["condition"]), found["finding"]
    head = Text(f"{name} is ")
    head.append(condition, COLOURS.get(condition, ""))
    if finding:
        what, why = behind(finding["cause"]), plainly(finding["reason"])
        head.append(f": {why}" if why.startswith(what) else f": {what}: {why}")
    out.print(head)
    if found["at_s"] is None:
        out.print("there was no look yet")
        return
    told = [a for a in found["actions"] if a["rungs"] or a.get("is_wished")]
    if told:
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        table.add_column("action", no_wrap=True)
        table.add_column("Everup", no_wrap=True)
        table.add_column("you", no_wrap=True)
        table.add_column("why", overflow="fold", ratio=1)
        for answer in told:
            table.add_row(*_kind(answer, found["now_s"]))
        out.print(table)
    if any(answer["own"]["check"] in HANDED for answer in told):
        out.print(Text(f"  {typed(f'explain {name}')}", "cyan"), soft_wrap=True)
    for command in dict.fromkeys(line for answer in told for line in _commands(answer)):
        out.print(Text(f"  {command}", "cyan"), soft_wrap=True)
    if told:
        out.print()
    states = {a["kind"]: a["own"]["state"] for a in found["actions"]}
    others = [a for a in found["actions"] if states[a["kind"]] == "not_on_ladder"]
    if others:
        out.print(Text(_why_no_other(found, told), "bold"))
        for line in (line for answer in others for line in _other(answer)):
            out.print(line, soft_wrap=True)
        out.print()
    cannot = [a for a in found["actions"] if states[a["kind"]] == "cannot"]
    if cannot:
        _part("Cannot be done", grid([_cannot(a) for a in cannot]))


def _why_no_other(found: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> str:
    """Above the kinds of action that Everup would not take for what is wrong now."""
    if found["condition"] == "paused":
        return f"{PAUSED[0].upper()}{PAUSED[1:]}; what you may do beside that"
    if found["finding"] is None and told:
        return "Nothing is wrong; what you may do beside that"
    if found["finding"] is None:
        return "Nothing is wrong, so Everup does nothing; what you may do"
    what = behind(found["finding"]["cause"])
    if not told:
        return f"Everup does nothing by itself for {what}; what you may do"
    return f"Not what Everup does for {what}; what you may do"


def _commands(answer: Mapping[str, Any]) -> list[str]:
    return [remedy(way)[0] for way in answer["remedies"] if way["way"] != "wait"]


def _other(answer: Mapping[str, Any]) -> list[Text]:
    """What is on no ladder: only a person's command would do it."""
    person, lines = answer["person"], []
    if person["state"] != "allowed":
        why = f"  {named(answer['kind'])}: not now: {clean(person['check'])}: "
        lines.append(Text(f"{why}{spoken(person['reason'])}"))
    return [*lines, *(Text(f"  {line}", "cyan") for line in _commands(answer))]


def _cannot(answer: Mapping[str, Any]) -> tuple[Text, Text]:
    line = Text(clean(answer["own"]["reason"]))
    for way in answer["remedies"]:
        line.append(f" → {remedy(way)[0]}", "cyan")
    return Text(clean(answer["kind"]), "dim"), line


def _kind(answer: Mapping[str, Any], now_s: float) -> tuple[Text, ...]:
    own, person = answer["own"], answer["person"]
    why = Text()
    if own["check"] in HANDED:
        why.append("it was handed over to a person")
    else:
        why.append(f"{clean(own['check'])}: " if own["check"] else "", "dim")
        why.append(lasting(spoken(own["reason"]), own["until_s"], now_s))
    if person["state"] != "allowed" and person["reason"] != own["reason"]:
        said = lasting(spoken(person["reason"]), person["until_s"], now_s)
        why.append(f"\nyou: {clean(person['check'])}: {said}")
    return (Text(clean(answer["kind"])), _word(own), _word(person), why)


def _word(said: Mapping[str, Any]) -> Text:
    if said["check"] in HANDED:
        return Text("no", "red")
    return Text(STATES[said["state"]], COLOURS.get(said["state"], "dim"))
