"""The journal: everything decided or learned, append-only, hash-chained, with projections.

`sql` implements `loop.ports.Journal` over SQLAlchemy: SQLite by default. May be imported by `app`
and above.
"""
