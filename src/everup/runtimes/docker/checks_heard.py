"""Owner's checks that passed again, told from the engine's events instead of asked for.

Flows in: events of what is run into containers. Flows out: for a check of a healthy container that
ended with 0, an `Answer`, so that its document need not be read for it: with fifty checks that was
most of what watching cost the engine. Whatever else a check says is read in the document. A check
is known by its command, which the engine tells when it begins.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from everup.runtimes.docker.containers import Answer, Container, section

RUN_AT_ONCE_MOST = 4096
"""Of those whose end is never told the oldest are forgotten."""
SHELL = ("/bin/sh", "-c")
BEGINS, ENDS = "exec_start: ", "exec_die"
RUNS = "exec_"


class ChecksHeard:
    """Those that run now, by the engine's id of them."""

    def __init__(self) -> None:
        self._began_s: OrderedDict[str, float] = OrderedDict()

    def take(
        self, action: str, attributes: Mapping[str, Any], at_s: float, container: Container | None
    ) -> Answer | None:
        """An answer, when this event ends a check with 0 that began while all was well."""
        name = str(attributes.get("execID") or "")
        if action.startswith(BEGINS):
            command = action.removeprefix(BEGINS)
            if container is not None and is_well(container) and command == check_of(container):
                self._began_s[name] = at_s
                if len(self._began_s) > RUN_AT_ONCE_MOST:
                    self._began_s.popitem(last=False)
            return None
        began_s = self._began_s.pop(name, None) if action == ENDS else None
        if began_s is None or str(attributes.get("exitCode")) != "0":
            return None
        return Answer(began_s, at_s, 0, "")


def is_well(container: Container) -> bool:
    """Has its owner's check nothing to say against it?"""
    check = container.check
    return check is not None and check.status == "healthy" and check.failing_streak == 0


def check_of(container: Container) -> str:
    """The command of its check, as the engine writes it when it begins; "" for none."""
    config = section(container.document, "Config")
    test = section(config, "Healthcheck").get("Test")
    if not isinstance(test, Sequence) or isinstance(test, str) or len(test) < 2:
        return ""
    if test[0] == "CMD":
        return " ".join(map(str, test[1:]))
    shell = config.get("Shell") or SHELL
    return " ".join(map(str, (*shell, *test[1:]))) if test[0] == "CMD-SHELL" else ""
