"""Brings a database to the schema that this version knows.

Flows in: an open session. Flows out: nothing, the tables are there. Called by `sql_journal` when
the journal is opened. In memory the tables are made at once, since nothing can be older there.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from everup.journal.session import Session
from everup.journal.tables import ENTRIES, METADATA

HEAD = "0001"
"""The newest of migrations/versions; tests hold it to them."""

_REVISION = sa.Table(
    "alembic_version",  # as the migrations' tool writes it
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def make_tables(session: Session) -> None:
    """The tables as this version knows them, if there is none yet.

    Raises:
        JournalUnavailable: the database does not answer.
    """
    with session.changing() as connection:
        if not sa.inspect(connection).has_table(ENTRIES.name):
            for statement in _definitions(connection.dialect):
                connection.exec_driver_sql(statement)


@cache
def _definitions(dialect: sa.Dialect) -> tuple[str, ...]:
    """What `create_all` would say, compiled once for all the runs of a simulation."""
    made: list[sa.schema.ExecutableDDLElement] = [CreateTable(_REVISION)]
    for table in METADATA.sorted_tables:
        made.append(CreateTable(table))
        made += [CreateIndex(index) for index in sorted(table.indexes, key=lambda i: str(i.name))]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def migrate(session: Session) -> None:
    """Have the tables as this version knows them, in one transaction: made at once in an empty
    database, else by every migration that is missing.

    Raises:
        JournalUnavailable: the database does not answer.
        AskAHuman: a newer version wrote this journal, or the tables are somebody else's.
    """
    with session.changing() as connection:
        if _revisions(connection) == [HEAD]:
            return
        if not sa.inspect(connection).get_table_names():
            for statement in _definitions(connection.dialect):
                connection.exec_driver_sql(statement)
            connection.execute(sa.insert(_REVISION).values(version_num=HEAD))
            return
        from everup.journal.migrating import upgrade  # what it needs takes long to load

        upgrade(connection, session.where)


def _revisions(connection: sa.Connection) -> list[str]:
    if not sa.inspect(connection).has_table(_REVISION.name):
        return []
    return list(connection.execute(sa.select(_REVISION.c.version_num)).scalars())
