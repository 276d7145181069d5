"""The journal: every decision in a hash chain, and what follows from it as state and records.

Flows in: entries of `model.entries`, each batch whole or not at all, under the fence of whoever
holds the stack. Flows out: the state they fold into, incidents and actions with their evidence.
Implements `loop.ports.Journal`; wired by `app` and `simulation`. It decides nothing.

    entries ──▶ chain ──▶ writing ──▶ the database ──▶ checkpoints ──▶ load() → StackState
                             └──▶ projections ──▶ reading ──▶ incidents(), actions()
"""

from __future__ import annotations

from everup.journal.sql_journal import SqlJournal
from everup.loop.ports import Clock


def open_journal(
    url: str, *, clock: Clock, inline: bool = False, timeout_s: float = 5.0
) -> SqlJournal:
    """The journal behind a URL, not opened yet: `sqlite:///relative.db`, `sqlite:////absolute.db`,
    or `sqlite://` for one in memory.

    Raises:
        AskAHuman: no URL, or a database that the journal cannot live in.
    """
    return SqlJournal(url, clock=clock, inline=inline, timeout_s=timeout_s)


__all__ = ["SqlJournal", "open_journal"]
