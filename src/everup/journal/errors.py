"""Foreign errors become Everup's own at the journal's edge.

Flows in: whatever a driver raises. Flows out: `JournalUnavailable` with a reason that a person can
act upon, `Damaged` where the store contradicts itself, `Conflict` where a constraint said no.
Called by `session`; nothing of SQLAlchemy or a driver passes beyond it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy.exc

from everup.model.errors import AskAHuman, EverupError, JournalUnavailable

_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_BUSY": "another process has locked it",
    "SQLITE_LOCKED": "another connection has locked it",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_CANTOPEN": "it is missing or may not be opened",
    "SQLITE_IOERR": "the disk reports an error",
    "SQLITE_PERM": "access is denied",
    "SQLITE_NOMEM": "there is no memory",
}
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Damaged(JournalUnavailable):
    """The store is readable and wrong. `open` and `load` turn it into AskAHuman."""


class Conflict(Exception):
    """A unique constraint refused the write; whoever wrote knows what that means."""


class Abandoned(Exception):
    """The caller has gone (timeout or cancellation), so the transaction must not commit."""


def damaged(where: str, what: str) -> Damaged:
    """The error for content that contradicts itself, with what a person can do."""
    return Damaged(
        f"the journal {where} is damaged: {what}. Restore it from a copy, or move it away to begin "
        "with an empty memory; the services themselves are not touched"
    )


def for_a_human(error: Damaged) -> AskAHuman:
    """The same, where only a person can go on."""
    return AskAHuman(str(error))


def translate(error: BaseException, driver: Any, where: str) -> BaseException:
    """What to raise instead of `error`: itself, when it is no error of the database.

    driver: the DBAPI module, whose exception classes are those of PEP 249.
    """
    original: Any = error
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        original = error.orig
    if isinstance(original, driver.IntegrityError):
        return Conflict(str(original))
    if isinstance(original, driver.Error):
        return _unavailable(original, where)
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError | OSError):
        return JournalUnavailable(f"the journal {where} is unavailable: {error}")
    return error


def _unavailable(error: Any, where: str) -> EverupError:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(_DAMAGE):
        return damaged(where, str(error))
    reasons = [reason for code, reason in _REASONS.items() if name.startswith(code)]
    reason = reasons[0] if reasons else "it does not answer"
    return JournalUnavailable(f"the journal {where} is unavailable: {reason} ({error})")
