"""What the log notifier is."""

from __future__ import annotations

from everup.notify.manifest import NotifierManifest

MANIFEST = NotifierManifest(
    kind="log",
    leaves_the_host=False,
    notes={"reach": "A line of level warning; somebody has to read the file or ship it."},
)
