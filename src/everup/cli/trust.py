"""Whose certificates a call trusts. Reading them takes long, and plain HTTP has none."""

from __future__ import annotations

import ssl


def trust(url: str) -> ssl.SSLContext:
    """For a client that talks to this address alone."""
    if url.lower().startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # empty: it trusts nobody
