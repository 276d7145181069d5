"""A leak: seen before the limit and answered gently, while the service is healthy all the time."""

from __future__ import annotations

from everup.demo.chapters.stage import Stage
from everup.demo.client import NoAnswer
from everup.demo.stack.topology import BY_NAME
from everup.demo.story import Row, seconds

SERVICE = "learning-service"
MB_PER_TRUE_S = 0.5
"""At true pace; the demo's pace makes the cache grow as much faster as everything else."""
FORETOLD_WITHIN_S = 300.0
"""By then, at true pace, it would be at its limit."""
AT_REST = {"cache_mb_per_s": 0.0}


def tell_leak(stage: Stage, number: int) -> Row:
    """The cache of a healthy service grows without end, towards its memory limit."""
    screen, watcher = stage.screen, stage.watcher
    limit_mib = BY_NAME[SERVICE].memory_mib
    pace = MB_PER_TRUE_S / stage.lab.time_scale
    screen.chapter(
        number,
        "A leak",
        f"the cache of {SERVICE} grows by {pace:.1f} MB a second; at {limit_mib} MB it would be "
        "killed for memory.",
        "it is foretold well before, its own cache_clear hook is called once, and its memory comes "
        "down. It is never restarted, and never unhealthy.",
    )
    watcher.begin()
    stage.lab.turn(SERVICE, cache_mb_per_s=pace)
    screen.line(f"{SERVICE}: its cache grows by {pace:.1f} MB a second", "fault")
    foretold = _Foretold(stage)
    try:
        stage.wait(lambda: foretold.look() and bool(watcher.own()), FORETOLD_WITHIN_S)
        stage.wait(lambda: all(deed.has_ended for deed in watcher.deeds), 60)
    finally:
        stage.lab.turn(SERVICE, **AT_REST)
    screen.line(f"{SERVICE}: what filled its cache is over", "calm")
    stage.wait(lambda: stage.has_ended(SERVICE, "resolved"), 60)
    missed = [] if stage.settle() else ["the stack did not become healthy again"]
    if not foretold.text:
        missed.append("nothing was foretold")
    if SERVICE in watcher.seen_unwell:
        missed.append("it was unhealthy meanwhile")
    kinds = {deed.kind for deed in watcher.own() if deed.service == SERVICE}
    if kinds - {"cache_clear"}:
        missed.append(f"not only its cache was cleared: {', '.join(sorted(kinds))}")
    return stage.healed_row(f"leak of {SERVICE}", SERVICE, 1, missed)


class _Foretold:
    """What Everup foretells of the service, said once."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.text = ""

    def look(self) -> bool:
        if not self.text:
            self.text = self._ask()
            if self.text:
                self._stage.screen.line(f"{SERVICE}: foretold: {self.text}", "seen")
        return bool(self.text)

    def _ask(self) -> str:
        try:
            answer = self._stage.client.get(f"/predictions/{SERVICE}")
        except NoAnswer:
            return ""
        for item in answer["predictions"]:
            if item["is_acted_upon"]:
                away_s = float(item["likely_s"]) - float(item["made_at_s"])
                sure = f"{100 * float(item['probability']):.0f} %"
                return f"{item['cause']} with {sure}, limit in about {seconds(away_s)}"
        return ""
