"""`python -m benchmarks.recovery --json OUT`: see docs/benchmarks-recovery.md.

--quick            one run of each cell        --runs N       of Everup and of the best peer
--faults A,B       only these                  --controls A,B only these (`none` for none)
--healers A,B      only these                  --parts A,B    faults, controls, mix, overhead
--side-by-side N   cells at a time             --clean        remove what a killed run left
    --keep FILE            rows of an earlier run's JSON for what is not measured now
    --verbose              what Everup wrote down in each cell, too
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks.recovery import plot, report, story
from benchmarks.recovery.places import Run, Stopped, clean_orphans

PARTS = ("faults", "controls", "mix", "overhead")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--markdown", type=Path, help="and the tables here")
    parser.add_argument("--plot", type=Path, help="and a plot (SVG) here")
    parser.add_argument("--keep", type=Path, help="JSON of an earlier run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--side-by-side", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="")
    parser.add_argument("--controls", default="")
    parser.add_argument("--healers", default="")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--clean", action="store_true")
    return parser.parse_args(arguments)


def write(found: report.Results, chosen: argparse.Namespace) -> None:
    text = report.markdown(found)
    print(text)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    if chosen.markdown is not None:
        chosen.markdown.write_text(text, encoding="utf-8")
    if chosen.plot is not None:
        chosen.plot.write_text(plot.plot(found.recoveries), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """130 after Ctrl-C, with everything removed and what was measured written all the same."""
    chosen = parsed(arguments)
    if chosen.clean:
        print(clean_orphans())
        return 0
    earlier = None  # read first: an hour would be lost by a wrong name
    if chosen.keep is not None:
        earlier = json.loads(chosen.keep.read_text(encoding="utf-8"))
    run = Run()
    signal.signal(signal.SIGINT, lambda *_: run.stopping.set())
    signal.signal(signal.SIGTERM, lambda *_: run.stopping.set())
    found = report.Results()
    try:
        story.tell(run, chosen, found)
    except Stopped:
        print("stopped; what there is so far:", file=sys.stderr)
    finally:
        run.close()
        if earlier is not None:
            found.keep(earlier)
        write(found, chosen)
    return 130 if run.stopping.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
