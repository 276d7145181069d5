"""The journal: everything decided or learned, append-only, hash-chained, with projections.

Implements `loop.ports.Journal` over SQLAlchemy. `store.py` is the port, `ledger.py` what happens in
one transaction, `projections.py` keeps incidents and actions, `codec.py` writes entries as
canonical JSON, `migrations/` is the schema's history. May be imported by `app` and above.
"""

from everup.journal.sql.store import SqlJournal, open_journal

__all__ = ["SqlJournal", "open_journal"]
