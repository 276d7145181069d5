"""What the router was told for an action stands in its evidence, under a name of its own."""

from __future__ import annotations

from typing import Any

from everup.cli.evidence import evidence

SAID = "web-1 (be_web/web1) takes no requests; its sessions had ended after 0.4 s"


def test_it_is_told_as_the_routers() -> None:
    action: dict[str, Any] = {
        "by": "ann",
        "reason": "asked for it",
        "during": ["probe 1: 2 s ago: pass", "log hello", f"router: {SAID}"],
        "before": None,
        "after": None,
        "state": "verified",
        "ended_at_s": None,
        "intended_at_s": 0.0,
        "verdict": "runs",
        "error": "",
    }
    rows = [(str(name), str(value)) for name, value in evidence(action)]
    assert ("router", SAID) in rows
    assert [value for _, value in rows if value.endswith(SAID)] == [SAID]
