"""What of a container decides how much care it gets: equal for equals, as a short text. Pure.

Flows in: one container. Flows out: its nature. A service is read when Everup starts; a container of
it that came later may be of another nature: a volume more, a label that says hands off. What may
change while it lives (limits, networks), or with each deploy and for no care (its image's version,
its environment, its healthcheck), is no part of it. Called by `specs`, and by the runtime for each
container that comes.
"""

from __future__ import annotations

import hashlib
import json

from everup.runtimes.docker.discovery.container import COMPOSE, Container
from everup.runtimes.docker.discovery.image_word import MODE_PREFIX
from everup.runtimes.docker.discovery.labels import HOOK_PREFIX, KNOWN, read_labels
from everup.runtimes.docker.discovery.managers import manager_of
from everup.runtimes.docker.discovery.statefulness import family_of, holds_data

DIGITS = 16
SHARED = ("host", "none", "container")
_WEIGHED = (MODE_PREFIX, HOOK_PREFIX, "autoheal")


def nature_of(one: Container, service: str) -> str:
    """Of a container of this service."""
    family = family_of(service, (one,))
    wishes = read_labels(one.name, one.labels)
    network = one.network_mode.partition(":")[0]
    content = {
        "labels": sorted((n, v) for n, v in one.labels.items() if _is_weighed(n)),
        "typos": (wishes.is_enabled, wishes.mode),
        "product": family.product if family else "",
        "data": sorted({(m.kind, m.target, m.is_anonymous) for m in one.mounts if holds_data(m)}),
        "stop": (one.stop_signal, one.stop_timeout_s),
        "network": network if network in SHARED else "",
        "special": (one.has_devices, one.is_auto_removed),
        "manager": manager_of(one),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _is_weighed(label: str) -> bool:
    return label in KNOWN or label == f"{COMPOSE}depends_on" or label.startswith(_WEIGHED)
