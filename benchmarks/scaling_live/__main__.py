"""`python -m benchmarks.scaling_live --runtime processes|docker --json OUT [--seconds N]`: a
service that is asked five times as much within 120 s, and less again.

Two copies of one service, each behind a HAProxy of its own, get the same requests at the same
moments from a generator in C: 30 a second, up to 150, back. An instance works on two requests at a
time, each for about 100 ms, so that it carries 20 a second whatever the machine has to spare. One
copy is Everup's, the other is scaled by the plain rule of 70 % that Kubernetes has. All times of
Everup and of the rule follow `--time-scale`; the load does not.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.scaling_live.drive import Played, play
from benchmarks.scaling_live.everups import Way
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.report import as_plain, holds, line_of_time, machine_of, table_of
from benchmarks.scaling_live.stage import Runtime, Stage
from benchmarks.scaling_live.steps import one_more, table_of_steps
from benchmarks.scaling_live.world import Size, target_s

RULE, ITSELF, NOBODY = "rule", "itself", "nobody"


def main(arguments: list[str] | None = None) -> int:
    """1 when a request was lost on Everup's side, or its target was not kept."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    console = Console()
    way = Way(scales=chosen.scaled_by == ITSELF, time_scale=chosen.time_scale)
    size = Size(first=chosen.first)
    stage = Stage(Runtime(chosen.runtime), size, way, has_places=not chosen.without_places)
    if chosen.one_step:
        taken = one_more(stage)
        console.print(table_of_steps(taken))
        _write(chosen.json, {"runtime": chosen.runtime, "steps_s": taken})
        return 0
    profile = Profile(rise_s=chosen.rise)
    if chosen.seconds is not None:
        before_s = profile.total_s - profile.tail_s
        profile = replace(profile, tail_s=max(0.0, chosen.seconds - before_s))
    played = play(stage, profile, target_s(size), by_rule=chosen.scaled_by != NOBODY)
    _print(console, played)
    _write(chosen.json, as_plain(played))
    return 0 if holds(played) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling_live")
    parser.add_argument("--runtime", choices=[*Runtime], default=Runtime.PROCESSES)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--seconds", type=float, help="how long all of it lasts: at least 300")
    parser.add_argument("--rise", type=float, default=120.0, help="seconds for five times as much")
    parser.add_argument("--time-scale", type=float, default=0.3, help="of Everup and of the rule")
    parser.add_argument("--first", type=int, default=3, help="instances at the beginning")
    parser.add_argument(
        "--scaled-by",
        choices=(ITSELF, RULE, NOBODY),
        default=RULE,
        help="who scales Everup's side: itself, the plain rule through its API, or nobody on both",
    )
    parser.add_argument(
        "--without-places",
        action="store_true",
        help="HAProxy knows the first instances alone; Everup adds servers (processes)",
    )
    parser.add_argument(
        "--one-step", action="store_true", help="only: how long one more instance takes to take"
    )
    return parser


def _print(console: Console, played: Played) -> None:
    console.print(line_of_time(played))
    console.print(table_of(played))
    told = ", ".join(f"{name} {value:.0%}" for name, value in machine_of(played).items())
    console.print(f"the machine: {told}")


def _write(path: Path | None, content: object) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
