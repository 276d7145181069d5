"""What code of yours may import from Everup: small, with the standard library alone.

Nothing in here imports anything else of Everup, and nothing of Everup imports it: a file of it may
be copied into a project as it is.
"""

from everup.client.breaker import Breaker, BreakerOpen

__all__ = ["Breaker", "BreakerOpen"]
