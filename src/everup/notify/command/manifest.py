"""What the command notifier is."""

from __future__ import annotations

from everup.notify.manifest import NotifierManifest

MANIFEST = NotifierManifest(
    kind="command",
    leaves_the_host=False,
    notes={
        "input": "The message as one JSON object on standard input, and its fields as EVERUP_… "
        "variables; no shell reads either.",
        "exit": "0 means delivered; anything else is tried again.",
        "time": "All of its session is killed when it ends, or at its timeout.",
        "environment": "Everup's own, without its EVERUP_… variables.",
    },
)
