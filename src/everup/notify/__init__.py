"""Telling people outside: notifiers behind `loop.ports.Notifier`, and the heartbeat.

Each notifier is a folder with the same two files: `manifest.py` says what it is and what one must
know of it, `notifier.py` sends. What is told, and when, is decided in `loop.owed`; attempts,
backoff and bounds are those of `loop.lane`. Wired by `app`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from everup.loop.ports import Log, Notifier
from everup.model.errors import GiveUp
from everup.model.notice import NotifierSpec
from everup.notify import command, log, webhook
from everup.notify.heartbeat import HttpHeartbeat
from everup.notify.manifest import NotifierManifest

MANIFESTS: Mapping[str, NotifierManifest] = {
    module.MANIFEST.kind: module.MANIFEST for module in (log, command, webhook)
}


def create_notifiers(specs: Iterable[NotifierSpec], to: Log) -> tuple[Notifier, ...]:
    """A notifier for each declaration.

    Raises:
        GiveUp: a kind that this version does not have.
    """
    return tuple(_create(spec, to) for spec in specs)


def _create(spec: NotifierSpec, to: Log) -> Notifier:
    match spec.kind:
        case "log":
            return log.LogNotifier(spec, to)
        case "command":
            return command.CommandNotifier(spec)
        case "webhook":
            return webhook.WebhookNotifier(spec)
        case _:
            raise GiveUp(f"no notifier {spec.kind!r}; there are {', '.join(MANIFESTS)}")


__all__ = ["MANIFESTS", "HttpHeartbeat", "NotifierManifest", "create_notifiers"]
