"""The tables, portable between SQLite and PostgreSQL. `migrations/` builds the same ones."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("stack", sa.String(200), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at_s", sa.Float, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("service", sa.String(200), nullable=True),
    sa.Column("incident_id", sa.String(60), nullable=True, index=True),
    sa.Column("action_id", sa.String(60), nullable=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("prev_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("stack", sa.String(200), primary_key=True),
    sa.Column("batch_id", sa.String(60), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("stack", sa.String(200), primary_key=True),
    sa.Column("id", sa.String(60), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("service", sa.String(200), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("stack", sa.String(200), primary_key=True),
    sa.Column("id", sa.String(60), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("service", sa.String(200), nullable=False),
    sa.Column("open_service", sa.String(200), nullable=True),
    sa.Column("incident_id", sa.String(60), nullable=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("stack", "open_service", name="one_open_action_per_service"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("stack", sa.String(200), primary_key=True),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
)
