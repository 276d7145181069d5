"""Notifier `webhook`: an HTTP POST of the message as JSON."""

from everup.notify.webhook.manifest import MANIFEST
from everup.notify.webhook.notifier import WebhookNotifier

__all__ = ["MANIFEST", "WebhookNotifier"]
