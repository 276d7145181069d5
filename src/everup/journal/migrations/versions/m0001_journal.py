"""The journal: entries in a chain, their projections, who holds it, and checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the five tables."""
    _entries()
    _incidents()
    _actions()
    _bookkeeping()


def downgrade() -> None:
    """Drop them."""
    for name in ("checkpoints", "leases", "actions", "incidents", "entries"):
        op.drop_table(name)


def _text(name: str, *, is_nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=is_nullable)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=True)


def _sequence(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def _entries() -> None:
    op.create_table(
        "entries",
        _text("stack"),
        _sequence("seq"),
        _time("at_s"),
        _text("kind"),
        _text("incident_id", is_nullable=True),
        _text("action_id", is_nullable=True),
        _text("service", is_nullable=True),
        _text("batch_id", is_nullable=True),
        _text("payload"),
        _text("prev_hash"),
        _text("hash"),
        sa.PrimaryKeyConstraint("stack", "seq"),
    )
    op.create_index("entries_batch", "entries", ["stack", "batch_id"], unique=True)
    op.create_index("entries_incident", "entries", ["stack", "incident_id"])
    op.create_index("entries_action", "entries", ["stack", "action_id"])


def _incidents() -> None:
    op.create_table(
        "incidents",
        _text("stack"),
        _text("id"),
        _sequence("seq"),
        _text("service"),
        _text("cause"),
        _text("reason"),
        _time("opened_at_s"),
        _text("state"),
        _text("victims"),
        _text("waiting_for"),
        _time("seen_at_s"),
        _time("ended_at_s"),
        _text("ending"),
        sa.PrimaryKeyConstraint("stack", "id"),
    )
    op.create_index("incidents_newest", "incidents", ["stack", "seq"])
    op.create_index("incidents_by_state", "incidents", ["stack", "state", "seq"])


def _actions() -> None:
    op.create_table(
        "actions",
        _text("stack"),
        _text("id"),
        _sequence("seq"),
        _text("service"),
        _text("incident_id", is_nullable=True),
        _text("kind"),
        _text("origin"),
        _text("cause"),
        _text("state"),
        _time("intended_at_s"),
        _text("intent"),
        _time("finished_at_s"),
        _text("outcome"),
        _text("error"),
        _time("ended_at_s"),
        _text("verdict"),
        _text("sighting_after"),
        _text("during"),
        sa.PrimaryKeyConstraint("stack", "id"),
    )
    op.create_index("actions_newest", "actions", ["stack", "seq"])
    op.create_index("actions_by_service", "actions", ["stack", "service", "seq"])
    op.create_index("actions_by_incident", "actions", ["stack", "incident_id", "seq"])
    is_open = sa.text("state IN ('acting', 'verifying')")
    op.create_index(
        "actions_one_in_flight",
        "actions",
        ["stack", "service"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _bookkeeping() -> None:
    op.create_table(
        "leases",
        _text("stack"),
        _text("holder"),
        _sequence("fence"),
        sa.Column("taken_at_s", sa.Double, nullable=False),
        _sequence("head_seq"),
        _text("head_hash"),
        sa.PrimaryKeyConstraint("stack"),
    )
    op.create_table(
        "checkpoints",
        _text("stack"),
        _sequence("seq"),
        _text("version"),
        _text("chain_hash"),
        _text("state"),
        _text("digest"),
        sa.PrimaryKeyConstraint("stack", "seq"),
    )
