"""Notifier `command`: an owner's own program, without a shell."""

from everup.notify.command.manifest import MANIFEST
from everup.notify.command.notifier import CommandNotifier

__all__ = ["MANIFEST", "CommandNotifier"]
