"""The load laboratory in small, for tests: a third of the load, times of Everup by five.

What must hold on a machine that does other things as well is asserted; how long it took is not.
"""

from __future__ import annotations

from rich.console import Console

from benchmarks.scaling_live.drive import Played, play
from benchmarks.scaling_live.everups import Way
from benchmarks.scaling_live.figures import Figures
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.report import as_plain, line_of_time, table_of
from benchmarks.scaling_live.stage import OURS, PEER, Runtime, Stage
from benchmarks.scaling_live.world import Size, target_s

SIZE = Size(permits=2, hold_s=0.2, starts_s=2.0, first=2, least=2, most=10)
"""Ten requests a second."""
PROFILE = Profile(
    low_rps=10.0, high_rps=50.0, lead_s=15.0, rise_s=60.0, hold_s=10.0, fall_s=10.0, tail_s=85.0
)
WAY = Way(scales=True, time_scale=0.2)
PEER_LOSES_MOST = 0.01


def played(runtime: Runtime) -> Played:
    """One run; its story is printed for whoever reads of a failure."""
    found = play(Stage(runtime, SIZE, WAY), PROFILE, target_s(SIZE))
    console = Console(width=160)
    console.print(line_of_time(found))
    console.print(table_of(found))
    return found


def follows(found: Played) -> dict[str, Figures]:
    """Both sides were asked the same and followed it out and in; ours lost nothing."""
    assert set(found.figures) == {OURS, PEER}
    for name, one in found.figures.items():
        told = f"{name}: {one}"
        if name == OURS:
            assert one.failed == 0, told
            assert set(one.by_status) == {"200"}, told
        # Who is found by a name is asked before it is well, and nobody holds the rule's back.
        assert one.failed <= PEER_LOSES_MOST * one.requests, told
        assert one.least >= SIZE.least, told
        assert one.most > SIZE.first, told
        assert one.changes_out >= 1, told
        assert one.changes_in >= 1, told
        last = found.watched[name].sights[-1]
        assert last.takes < one.most, told
        assert one.taking_s > one.needed_s, told
    due = [[one.due_s for one in side.asked] for side in found.watched.values()]
    assert due[0] == due[1], "the same is asked at the same moments"
    assert set(as_plain(found)["sides"]) == {OURS, PEER}
    return found.figures
