"""What the webhook notifier is."""

from __future__ import annotations

from everup.notify.manifest import NotifierManifest

MANIFEST = NotifierManifest(
    kind="webhook",
    leaves_the_host=True,
    notes={
        "request": "POST with a JSON object; the header Idempotency-Key holds the message's key, "
        "which is the same when a message comes again.",
        "answers": "2xx means delivered. 400, 405, 410, 413, 415 and 422 refuse the message for "
        "good; everything else is tried again. Redirects are not followed, proxies not used.",
        "secrets": "The address is never written to a log, an error or the journal.",
    },
)
