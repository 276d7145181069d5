"""The first schema: entries in a chain, incidents and actions as projections, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "entries",
        sa.Column("stack", sa.String(200), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("service", sa.String(200), nullable=True),
        sa.Column("incident_id", sa.String(60), nullable=True),
        sa.Column("action_id", sa.String(60), nullable=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_entries_incident_id", "entries", ["incident_id"])
    op.create_table(
        "batches",
        sa.Column("stack", sa.String(200), primary_key=True),
        sa.Column("batch_id", sa.String(60), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("stack", sa.String(200), primary_key=True),
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "actions",
        sa.Column("stack", sa.String(200), primary_key=True),
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("open_service", sa.String(200), nullable=True),
        sa.Column("incident_id", sa.String(60), nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("stack", "open_service", name="one_open_action_per_service"),
    )
    op.create_table(
        "leases",
        sa.Column("stack", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Nothing goes back: entries are never dropped."""
    raise RuntimeError("the first schema cannot be taken back")
