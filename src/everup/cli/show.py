"""Tables on the terminal, or the API's own JSON with `--json`.

Text that services wrote is printed as text: Rich markup in it is escaped, control characters go.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from everup.cli.hints import typed
from everup.model.words import named, plain

COLOURS = {
    "healthy": "green",
    "degraded": "yellow",
    "starting": "cyan",
    "recovering": "cyan",
    "stopped": "dim",
    "paused": "dim",
    "unhealthy": "red",
    "down": "red",
    "allowed": "green",
    "delayed": "yellow",
    "refused": "red",
    "running": "green",
    "ok": "green",
    "verified": "green",
    "failed": "red",
}

PAUSED = "somebody paused it, so it is left alone until somebody unpauses it"


def console() -> Console:
    """Standard output; where it is no terminal, as wide as COLUMNS says, else 160."""
    is_sized = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, width=None if is_sized else 160)


def put_json(value: Any) -> None:
    """For scripts."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def clean(value: object) -> str:
    """One line without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))


def cell(value: object) -> Text:
    """A cell; known words are coloured, None is a dash."""
    if value is None or value == "":
        return Text("–", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.2f}")
    text = clean(value)
    return Text(text, style=COLOURS.get(text, ""))


def put_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """One table, no narrower than its title."""
    width = min(len(title), console().width)
    table = Table(title=title, title_justify="left", header_style="bold", min_width=width)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[cell(value) for value in row])
    console().print(table)


def put_text(text: str) -> None:
    """Words of others among it; lines end between words."""
    console().print(Text(clean(text)))


def moment(at_s: float | None, *, with_day: bool = False) -> str:
    """A time of day in the local zone, with its day if asked."""
    if at_s is None:
        return ""
    form = "%Y-%m-%d %H:%M:%S" if with_day else "%H:%M:%S"
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime(form)


def status(health: Mapping[str, Any], state: Mapping[str, Any], scores: Mapping[str, Any]) -> None:
    """What `everup status` prints."""
    age_s = health["last_look_age_s"]
    age = "no look yet" if age_s is None else f"last look {age_s:.1f} s ago"
    head = Text(f"{state['stack']}: mode {state['mode']}, {age}, journal ")
    head.append(clean(health["journal"]), "green" if health["journal"] == "ok" else "red")
    console().print(head)
    if health["cannot_act"]:
        console().print(Text(f"cannot act: {clean(health['cannot_act'])}", "red"))
    for text in health["failing"]:
        console().print(Text(f"a flaw of Everup's own: {clean(text)}", "red"))
    for freeze in health["freezes"]:
        until = moment(freeze["until_s"]) or "lifted by hand"
        what = freeze["scope"] or "the stack"
        reason = f" ({clean(freeze['reason'])})" if freeze["reason"] else ""
        console().print(Text(f"frozen: {what} until {until}{reason}", "yellow"))
    if health["monitor_fault"]:
        console().print(Text(f"not acting: {clean(health['monitor_fault'])}", "yellow"))
    for text in state["mismatches"]:
        console().print(Text(f"not as declared: {clean(text)}", "yellow"))
    console().print(Text(clean(state["coverage"]["text"]), "dim"))
    for edge in state["components"].get("dependency_monitor", {}).get("breakers_open", ()):
        said = clean(edge).replace(">", " is not to call ")
        console().print(Text(f"breaker open: {said} now (everup breakers)", "yellow"))
    for text in state["components"].get("dependency_monitor", {}).get("mitigations", ()):
        said = f"in force: {clean(text)} (everup graph mitigations)"
        console().print(Text(said, "yellow"), soft_wrap=True)
    for text in state["components"]["auto_scaler"].get("wants", ()):
        said = f"should be {clean(text)} (everup scale)"
        console().print(Text(said, "yellow"), soft_wrap=True)
    for line in _handed(state):
        console().print(Text(line, "bold red"), soft_wrap=True)
    put_table(
        "Services",
        ("service", "condition", "score", "why"),
        [(name, s["condition"], s["score"], _why(s)) for name, s in scores["services"].items()],
    )
    put_table(
        "Components",
        ("component", "state"),
        [(name, _stands(part)) for name, part in state["components"].items()],
    )


def _stands(part: Mapping[str, Any]) -> str:
    """Its state; of what learns, how far it is."""
    if part["state"] == "learning" and part.get("scalable"):
        return f"learning ({part['services_learned']} of {part['scalable']})"
    return str(part["state"])


def _handed(state: Mapping[str, Any]) -> list[str]:
    """Who waits for a person, and the command that tells why."""
    recovery = state["components"]["automated_recovery"]
    waiting = [clean(name) for name in recovery["services_with_a_person"]]
    if not waiting:
        return []
    count = len(waiting)
    head = "1 incident waits for you:" if count == 1 else f"{count} incidents wait for you:"
    return [head, *(f"  {typed(f'explain {name}')}" for name in waiting)]


def _why(service: Mapping[str, Any]) -> str:
    if service["explained_by"]:
        return f"suffers from {', '.join(service['explained_by'])}"
    if service["condition"] == "paused":
        return PAUSED
    return str(service["reason"])


def answer(found: Mapping[str, Any]) -> bool:
    """What a wish came to; False when it failed."""
    outcome = found["outcome"]
    if outcome is None:
        where = f" ({found['action_id']})" if found["action_id"] else ""
        console().print(Text(f"{plain(clean(found['text']))}{where}"))
        return True
    was_down = (outcome.get("before") or {}).get("condition") == "down"
    done = named(clean(outcome["kind"]), is_down=was_down)
    line = Text(f"{outcome['service']}: {done} ")
    line.append_text(cell(outcome["state"]))
    said = outcome["verdict"] or outcome["error"]
    line.append(f" ({outcome['id']})" + (f": {plain(clean(said))}" if said else ""))
    console().print(line)
    return bool(outcome["state"] != "failed")
