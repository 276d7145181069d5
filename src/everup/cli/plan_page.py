"""The plan on the terminal: what would be done now and why, what is waited for, what comes next.

Flows in: the body of `GET /plan`. Flows out: one table with a row for each service that anything is
decided about, and what is under way or with a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from everup.cli.hints import typed
from everup.cli.show import COLOURS, clean, console, moment
from everup.cli.words import (
    happened,
    hold_word,
    lasting,
    listed,
    named,
    plainly,
    span,
    spoken,
    until,
)

SCALING = "scaling"
SIZES = "scale"


def plan(found: Mapping[str, Any]) -> None:
    """What `everup plan` prints."""
    out = console()
    if found["at_s"] is None:
        out.print("there was no look yet")
        return
    now_s = found["now_s"]
    age = span(max(0.0, now_s - found["at_s"]))
    out.print(Text(f"Plan of the look at {moment(found['at_s'])}, {age} ago; mode {found['mode']}"))
    for frozen in found["freezes"]:
        what = clean(frozen["scope"]) or "the stack"
        ends = until(frozen["until_s"], now_s) or " until it is lifted"
        out.print(Text(f"frozen: {what}{ends}: everup unfreeze lifts it", "yellow"))
    if found["monitor_fault"]:
        out.print(Text(f"not acting: {clean(found['monitor_fault'])}", "yellow"))
    rows = [_flight(flight, now_s) for flight in found["in_flight"]]
    busy = {flight["service"] for flight in found["in_flight"]}
    rows += [_decision(d, now_s) for d in found["decisions"] if d["service"] not in busy]
    said = {d["service"] for d in found["decisions"]} | busy
    rows += [_waits(*pair) for pair in found.get("sizes_wait", {}).items() if pair[0] not in said]
    if not rows:
        handed = list(found["with_a_person"])
        out.print("Nothing is wrong." if not handed else f"With a person: {listed(handed)}.")
        return
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("service", no_wrap=True)
    table.add_column("now", overflow="fold", max_width=22)
    table.add_column("why, and what comes next", overflow="fold", ratio=1)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _waits(name: str, why: str) -> tuple[Text, Text, Text]:
    text = Text(spoken(why))
    text.append(f"\n{typed(SIZES)} tells more", "dim")
    return Text(clean(name)), Text("another size waits", "dim"), text


def _flight(flight: Mapping[str, Any], now_s: float) -> tuple[Text, Text, Text]:
    word = "under way" if flight["phase"] == "acting" else "being proven"
    what = Text(f"{named(flight['kind'])}\n")
    what.append(word, "cyan")
    why = Text(f"{clean(flight['action_id'])}, since {moment(flight['since_s'])}")
    if flight["decided_by_s"] is not None:
        ends = until(flight["decided_by_s"], now_s).removeprefix(" until ")
        then = flight.get("then")
        otherwise = "it has failed" if then is None else _in_turn(then)
        why.append(f"\nif it is not proven by {ends}: {otherwise}")
    return Text(clean(flight["service"])), what, why


def _decision(decision: Mapping[str, Any], now_s: float) -> tuple[Text, Text, Text]:
    name = Text(clean(decision["service"]))
    if decision["proposal"]:
        return name, *_proposal(decision, now_s)
    if decision["escalate"]:
        return name, Text("a person is asked", "red"), Text(spoken(decision["escalate"]["text"]))
    hold = decision["hold"]
    if not hold:
        return name, Text("nothing"), Text("")
    if hold["reason"] == "victim":
        by = listed((decision["finding"] or {}).get("explained_by", []))
        because = f"because of {by}" if by else spoken(hold["text"])
        return name, Text("left alone", "dim"), Text(f"{because}: restarting it cannot help")
    if hold["reason"] == "with_a_person":
        why = Text("a person was asked; see\n")
        why.append(typed(f"explain {name}"), "cyan")
        return name, Text("waits for a person", "red"), why
    what = Text(f"nothing yet: {hold_word(hold['reason'])}", "dim")
    why = Text(lasting(spoken(hold["text"]), hold["until_s"], now_s))
    if decision["then"]:
        why.append(f"\nthen: {_in_turn(decision['then'])}", "dim")
    return name, what, why


def _in_turn(then: Sequence[str]) -> str:
    parts = [(clean(kind), len(list(same))) for kind, same in groupby(then)]
    rungs = [f"{named(k)} up to {count} times" if count > 1 else named(k) for k, count in parts]
    return ", then ".join([*rungs, "a person is asked"])


def _proposal(decision: Mapping[str, Any], now_s: float) -> tuple[Text, Text]:
    proposal, verdict = decision["proposal"], decision["verdict"]
    what = Text(f"{named(proposal['kind'])}\n")
    is_scaling = proposal["origin"] == SCALING
    why = Text(plainly(proposal["reason"]))
    if not is_scaling:
        why = Text(f"it {happened(proposal['cause'])}: {plainly(proposal['reason'])}")
    if verdict:
        answer = clean(verdict["answer"])
        what.append(answer, COLOURS.get(answer, ""))
        if verdict["check"]:
            what.append(f" by {clean(verdict['check'])}")
            why.append(f"\n{lasting(spoken(verdict['reason']), verdict['until_s'], now_s)}")
    otherwise = decision["but_for_the_mode"]
    if otherwise:
        by = f" by {clean(otherwise['check'])}" if otherwise["check"] else ""
        why.append(f"\nin mode auto: {clean(otherwise['answer'])}{by}")
    if is_scaling:
        why.append(f"\nif it is not proven it is taken back; {typed(SIZES)} tells more", "dim")
    else:
        why.append(f"\nif it does not help: {_in_turn(decision['then'])}", "dim")
    return what, why
