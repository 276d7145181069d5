"""Errors named after what the caller does next.

EverupError
├── TryAgain        it may work later; says when
│   ├── NoAnswer       nobody said whether it happened; look before anything else
│   └── StillHeld      a part of it was given back, the rest not yet
├── GiveUp          it will not work; the next rung, please
│   ├── NotSupported   this runtime cannot do that, by name
│   ├── HookFailed     an owner's command ended with a code of its own
│   ├── NotKept        the sick one cannot be kept aside; it is as it was
│   ├── Damaged        what was kept is not there any more, or not as it was
│   ├── NotWanted      somebody else stops it; leave it to them
│   └── StillEnds      asked to end, and it cannot be taken back; start it once it has ended
├── AskAHuman       somebody has to decide or repair something
├── JournalUnavailable   nothing is known to be written; stop acting, write the same again
├── Contradiction   the journal knows better; begin from what it says
└── FenceLost       somebody else acts here; stop acting, look again
"""

from __future__ import annotations

from collections.abc import Mapping


class EverupError(Exception):
    """Anything Everup raises on purpose."""


class TryAgain(EverupError):
    """The call failed in a way that passes."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NoAnswer(TryAgain):
    """The call was sent, and its answer did not come in time: it may still happen."""


class StillHeld(TryAgain):
    """Not all could be given back; the message says what was not. `given`: what was, as sentences
    by service, of those that hold nothing any more."""

    def __init__(self, message: str, given: Mapping[str, tuple[str, ...]] | None = None) -> None:
        super().__init__(message)
        self.given: Mapping[str, tuple[str, ...]] = given or {}


class GiveUp(EverupError):
    """The call failed for good; the same call will fail again."""


class NotSupported(GiveUp):
    """A runtime refuses by name what its manifest does not list."""

    def __init__(self, runtime: str, capability: str, fix: str = "") -> None:
        super().__init__(f"the {runtime} runtime cannot {capability}" + (f": {fix}" if fix else ""))
        self.runtime = runtime
        self.capability = capability


class HookFailed(GiveUp):
    """An owner's command ran to its end and said no."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class NotKept(GiveUp):
    """A sick instance cannot be kept aside. Nothing was touched: what would have ended it still
    can."""


class NotWanted(GiveUp):
    """Somebody else stopped it, or is about to, while this was under way: it is left so."""


class Damaged(GiveUp):
    """What was kept is missing, or not what was put there; `address` names it. Nothing of it was
    used."""

    def __init__(self, message: str, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class StillEnds(GiveUp):
    """It got its stop signal, runs still, and may not be killed. Whenever it ends, it ends by our
    hand."""

    def __init__(self, message: str, instance: str) -> None:
        super().__init__(message)
        self.instance = instance


class AskAHuman(EverupError):
    """Only a person can take the next step; the message says which one."""


class JournalUnavailable(EverupError):
    """The journal does not answer now (disk full, locked, gone). A write happens whole or not at
    all: this one did not, unless the answer was lost; writing the same batch again is safe."""


class Contradiction(EverupError):
    """What was to be written cannot follow what stands in the journal, as a second action in flight
    for one service. Nothing was written, and the same will never be."""


class FenceLost(EverupError):
    """Another controller holds this stack."""
