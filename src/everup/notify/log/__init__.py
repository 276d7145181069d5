"""Notifier `log`: a line in Everup's own log file."""

from everup.notify.log.manifest import MANIFEST
from everup.notify.log.notifier import LogNotifier

__all__ = ["MANIFEST", "LogNotifier"]
