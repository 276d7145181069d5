"""`everup replay`: recorded history through the code that judges and decides, and what came of it.

Flows in: a recording, one configuration or two. Flows out: a page or JSON. Progress goes to
standard error, so that the output can be piped. Nothing that runs is asked or touched.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from everup.api.shapes.accuracy import AccuracyReportShape
from everup.api.shapes.base import plain
from everup.app.plugins import load_runtime
from everup.cli import accuracy_page, loading, show
from everup.cli.durations import seconds
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.place import Place
from everup.cli.words import behind, happened, named, span
from everup.model.errors import GiveUp
from everup.model.kinds import Mode, is_known
from everup.model.prediction import MadePrediction
from everup.model.runtime import RuntimeManifest
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.replay import (
    Outcome,
    Recording,
    as_plain,
    compare,
    of_names,
    open_recording,
    play,
)
from everup.replay.compare import Comparison
from everup.replay.outcome import Deed

SHOWN_MOST = 40
WORDS = {"done": "would", "asked": "would ask to", "told": "would propose to"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """One configuration, and what is to be said of it."""

    name: str
    stack: Stack
    settings: Settings
    manifest: RuntimeManifest
    notes: tuple[str, ...] = ()


def replay(
    history: Path,
    file: Path | None,
    against: Path | None,
    *,
    mapping: Path | None,
    since: str | None,
    mode: str | None,
    is_json: bool,
) -> int:
    """0 when it was replayed.

    Raises:
        Stop: 2 with what is wrong and how to mend it.
    """
    last_s = float("inf") if since is None else seconds(since)
    try:
        return asyncio.run(_replay(history, file, against, mapping, last_s, mode, is_json))
    except GiveUp as error:
        raise Stop(USAGE, str(error)) from None


async def _replay(
    history: Path,
    file: Path | None,
    against: Path | None,
    mapping: Path | None,
    last_s: float,
    mode: str | None,
    is_json: bool,
) -> int:
    recording = await open_recording(history, mapping, last_s=last_s)
    places = [Place(file)] if against is None else [Place(file), Place(against)]
    plans = [_plan(place, recording, mode) for place in places]
    outcomes = [await _play(recording, plan) for plan in plans]
    if len(outcomes) == 1:
        return _put_one(outcomes[0], plans[0], is_json=is_json)
    return _put_both(compare(outcomes[0], outcomes[1]), plans, is_json=is_json)


def _plan(place: Place, recording: Recording, mode: str | None) -> _Plan:
    flags = {"mode": mode} if mode else {}
    if place.file is None and place.is_without_file():
        stack = of_names(recording.services, recording.stack_name, _mode(mode))
        notes = ("there is no everup.yaml here: nobody needs anybody, and nothing has hooks",)
        return _Plan("no file", stack, Settings(), load_runtime(stack.runtime).MANIFEST, notes)
    loaded = loading.read(place, flags)
    told: tuple[str, ...] = ()
    if loaded.refinement is not None:
        loaded = loaded.with_stack(of_names(recording.services, recording.stack_name))
        told = (f"{loaded.options.file} is laid over a project that runs: its settings count here",)
    loaded = loaded.scaled()
    manifest = load_runtime(loaded.stack.runtime).MANIFEST
    return _Plan(str(loaded.options.file), loaded.stack, loaded.settings, manifest, told)


def _mode(mode: str | None) -> Mode:
    """Without a file: what would have been done, had it been allowed."""
    if mode is None:
        return Mode.AUTO
    known = [str(m) for m in Mode]
    if mode not in known:
        raise Stop(USAGE, f"--mode: {mode!r}: without an everup.yaml one of {', '.join(known)}")
    return Mode(mode)


async def _play(recording: Recording, plan: _Plan) -> Outcome:
    is_shown = sys.stderr.isatty()
    shown = False

    def progress(share: float) -> None:
        nonlocal shown
        shown = True
        end = "" if is_shown else "\n"
        start = "\r" if is_shown else ""
        print(f"{start}everup: replayed {share:.0%} ", end=end, file=sys.stderr, flush=True)

    outcome = await play(
        *(recording, plan.stack, plan.settings, plan.manifest), name=plan.name, progress=progress
    )
    if shown and is_shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return outcome


def _put_one(outcome: Outcome, plan: _Plan, *, is_json: bool) -> int:
    if is_json:
        show.put_json(as_plain(outcome))
        return OK
    _head(outcome, plan.notes)
    _put("Foretold", [_foretold(p) for p in outcome.predictions])
    _put("What would have been done", [_deed(d) for d in outcome.deeds])
    _put(
        "Incidents",
        [
            f"{_when(i.at_s)}  {i.service} {happened(i.cause)}; {i.ending or 'open at the end'}"
            for i in outcome.incidents
        ],
    )
    accuracy_page.accuracy(
        AccuracyReportShape.model_validate(plain(outcome.accuracy)).model_dump(mode="json")
    )
    if (then := outcome.recalled) is not None:
        _say(f"Of {then.then} predictions in the journal of that time, {then.same} are the same.")
        _put("Only in the journal", [_foretold(p) for p in then.only_then])
        _put("Only in this replay", [_foretold(p) for p in then.only_now])
    return OK


def _put_both(found: Comparison, plans: Sequence[_Plan], *, is_json: bool) -> int:
    if is_json:
        show.put_json({**as_plain(found), "is_same": found.is_same})
        return OK
    _head(found.first, [note for plan in plans for note in plan.notes])
    _say(f"A: {plans[0].name}    B: {plans[1].name} ({found.second.speed:,.0f} times as fast)")
    show.put_table(
        "Side by side",
        ("", "A", "B"),
        [(f.name, _number(f.first), _number(f.second)) for f in found.figures],
    )
    _put("Foretold by A alone", [_foretold(p) for p in found.predicted_by_first])
    _put("Foretold by B alone", [_foretold(p) for p in found.predicted_by_second])
    _put("Done by A alone", [_deed(d) for d in found.done_by_first])
    _put("Done by B alone", [_deed(d) for d in found.done_by_second])
    if found.is_same:
        _say("Both foretell and do the same.")
    return OK


def _head(outcome: Outcome, notes: Iterable[str]) -> None:
    out = show.console()
    length = span(outcome.end_s - outcome.begin_s)
    what = f"{outcome.services} services, {outcome.rows} rows, {length}"
    how = f"in {span(outcome.took_s)}: {outcome.speed:,.0f} times as fast as it happened"
    out.print(Text(f"{show.clean(outcome.source)}: {what}, {how}", "bold"))
    for note in (*notes, *outcome.notes):
        out.print(Text(show.clean(note), "yellow"))
    if outcome.left_out:
        out.print(Text(f"{outcome.left_out} more predictions, actions or incidents", "yellow"))


def _say(text: str) -> None:
    show.console().print(Text(show.clean(text)))


def _put(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    out = show.console()
    out.print(Text(title, "bold"))
    for line in lines[:SHOWN_MOST]:
        out.print(Text(f"  {show.clean(line)}"))
    if len(lines) > SHOWN_MOST:
        out.print(Text(f"  and {len(lines) - SHOWN_MOST} more; --json has them", "dim"))


def _foretold(made: MadePrediction) -> str:
    ended = made.ending.replace("_", " ")
    if is_known(made.settled_at_s):
        ended += f" after {span(made.settled_at_s - made.made_at_s)}"
    why = f", {made.reason}" if made.reason else ""
    said = f"{made.probability:.0%} {behind(made.cause)}"
    return f"{_when(made.made_at_s)}  {made.service}: {said}: {ended}{why}"


def _deed(deed: Deed) -> str:
    return (
        f"{_when(deed.at_s)}  {deed.service}: {WORDS[deed.answer]} {named(deed.kind)}, "
        f"because {deed.reason}"
    )


def _when(at_s: float) -> str:
    return show.moment(at_s, with_day=True)


def _number(value: float) -> str:
    if not is_known(value):
        return "–"
    return f"{value:g}" if value == int(value) else f"{value:.4f}"
