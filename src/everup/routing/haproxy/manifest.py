"""What this router is."""

from __future__ import annotations

from everup.model.routing import RouterManifest, Skill

MANIFEST = RouterManifest(
    kind="haproxy",
    skills=frozenset(Skill),
    notes={
        "versions": "HAProxy 2.4 and newer; from 2.6 servers that its configuration does not name.",
        "socket": "stats socket … level admin, as a UNIX socket or over TCP in a network that "
        "nobody else is in: whoever reaches it may do everything.",
        "reload": "a reload forgets what was ordered; what is held still is ordered again. Servers "
        "that were added are gone with it, and are added again.",
        "several processes": "one process is spoken to; before 2.5, nbproc has to be 1.",
    },
)
