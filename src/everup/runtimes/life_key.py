"""The key of versions for whoever was given none and writes none down: chance, of one life."""

from __future__ import annotations

import secrets

from everup.model.sums import KEY_BYTES, SumKey


def key_of_this_life() -> SumKey:
    """Another one each time. What is made with it can be compared with nothing that was kept."""
    return SumKey(secrets.token_bytes(KEY_BYTES))
