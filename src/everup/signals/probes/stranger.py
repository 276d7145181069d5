"""Judges the pages of those of whom nobody declared what a good one is.

Flows in: a page and whose it is. Flows out: an Answer. Whoever answers at all lives: it may not be
asked at the right place, and then says 404, or 500, all its life. Only one that was seen to do
better is believed to be ill when it says 5xx. What is 4xx is the asker's fault by its own word (a
log-in that is wanted now, too many questions), and never the service's.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from everup.model.kinds import ProbeVerdict
from everup.model.observation import Instance
from everup.signals.probes.answer import Answer
from everup.signals.probes.http import judge_page
from everup.signals.probes.plain import Page

GOOD = (100, 399)
OF_THE_SERVER = 500
REMEMBERED_MOST = 1000


class Strangers:
    """Remembers which lives were seen to answer better than 5xx."""

    def __init__(self) -> None:
        self._better: OrderedDict[tuple[str, str], None] = OrderedDict()

    def judge(self, instance: Instance, page: Page) -> Answer:
        """Pass for what answers, unless it once answered better."""
        answer = judge_page(page, GOOD)
        key = (instance.service, instance.make or instance.identity)
        if page.status < OF_THE_SERVER:
            self._better[key] = None
            self._better.move_to_end(key)
            while len(self._better) > REMEMBERED_MOST:
                self._better.popitem(last=False)
        if answer.verdict is not ProbeVerdict.FAIL:
            return answer
        if page.status >= OF_THE_SERVER and key in self._better:
            return answer
        said = f"it answers: {page.status} {page.reason}".strip()
        return replace(answer, verdict=ProbeVerdict.PASS, detail=said)
