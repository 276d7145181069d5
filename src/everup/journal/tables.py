"""The journal's tables, in SQL that SQLite and PostgreSQL both speak.

`entries` is the truth; `incidents` and `actions` are projections of it, changed in the same
transaction; `leases` says who may write and where the chain ends; `checkpoints` only save time.
Columns marked *JSON* hold JSON text, also for free text: what a service logs may contain what a
database's text may not (NUL, lone surrogates), and its escapes keep it whole.

The tables of a database on disk are made by the migrations; a test proves that both agree.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

ENTRIES = sa.Table(
    "entries",
    METADATA,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3 … per stack
    sa.Column("at_s", sa.Double),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text),
    sa.Column("action_id", sa.Text),
    sa.Column("service", sa.Text),
    sa.Column("batch_id", sa.Text),  # on the first entry of its batch alone
    sa.Column("payload", sa.Text, nullable=False),  # JSON
    sa.Column("prev_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("entries_batch", "stack", "batch_id", unique=True),
    sa.Index("entries_incident", "stack", "incident_id"),
    sa.Index("entries_action", "stack", "action_id"),
)

INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),  # of its IncidentOpened
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),  # JSON
    sa.Column("opened_at_s", sa.Double),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("victims", sa.Text, nullable=False),  # JSON
    sa.Column("waiting_for", sa.Text, nullable=False),  # JSON
    sa.Column("seen_at_s", sa.Double),
    sa.Column("ended_at_s", sa.Double),
    sa.Column("ending", sa.Text, nullable=False),  # JSON
    sa.Index("incidents_newest", "stack", "seq"),
    sa.Index("incidents_by_state", "stack", "state", "seq"),
)

IS_OPEN = sa.text("state IN ('acting', 'verifying')")

ACTIONS = sa.Table(
    "actions",
    METADATA,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),  # of its Intended
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("intended_at_s", sa.Double),
    sa.Column("intent", sa.Text, nullable=False),  # JSON: the whole Intended
    sa.Column("finished_at_s", sa.Double),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),  # JSON
    sa.Column("ended_at_s", sa.Double),
    sa.Column("verdict", sa.Text, nullable=False),  # JSON
    sa.Column("sighting_after", sa.Text, nullable=False),  # JSON
    sa.Column("during", sa.Text, nullable=False),  # JSON
    sa.Index("actions_newest", "stack", "seq"),
    sa.Index("actions_by_service", "stack", "service", "seq"),
    sa.Index("actions_by_incident", "stack", "incident_id", "seq"),
    sa.Index(
        "actions_one_in_flight",
        "stack",
        "service",
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    ),
)

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),  # empty: given back
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("taken_at_s", sa.Double, nullable=False),
    sa.Column("head_seq", sa.BigInteger, nullable=False),
    sa.Column("head_hash", sa.Text, nullable=False),
)

CHECKPOINTS = sa.Table(
    "checkpoints",
    METADATA,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),  # the last one folded
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("chain_hash", sa.Text, nullable=False),  # of the entry with this sequence
    sa.Column("state", sa.Text, nullable=False),  # JSON
    sa.Column("digest", sa.Text, nullable=False),  # of all the above
)
