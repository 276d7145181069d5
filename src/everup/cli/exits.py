"""Exit codes for scripts, and the error that ends a verb with one of them."""

from __future__ import annotations

OK = 0
UNWELL = 1  # something is unhealthy, refused or failed
USAGE = 2  # wrong usage or configuration
UNREACHABLE = 3  # Everup does not answer


class Stop(Exception):
    """End the verb: a message for a person on standard error, and the exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
