"""How a request can go unserved: nobody is there to do it, or somebody said no."""

from __future__ import annotations


class Unavailable(Exception):
    """``dependency`` did not do what was asked; ``why`` is short enough for a health report."""

    def __init__(self, dependency: str, why: str) -> None:
        super().__init__(f"{dependency}: {why}")
        self.dependency = dependency
        self.why = why


class Refusal(Exception):
    """Heard, understood, and not done: ``status`` is the HTTP status that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def explain(error: BaseException) -> str:
    """The reason in a word or two: a timeout is no refusal, and both differ from a closed door."""
    if isinstance(error, Unavailable):
        return error.why
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, EOFError | ConnectionError | BrokenPipeError):
        return "connection closed"
    return f"{type(error).__name__}: {error}"
