"""Brings a database to the schema that this version knows, by the migrations in this package.

Flows in: an open session. Flows out: nothing, the tables are there. Called by `sql_journal` when
the journal is opened. In memory the tables are made at once, since nothing can be older there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.schema import CreateIndex, CreateTable

from everup.journal.session import Session
from everup.journal.tables import ENTRIES, METADATA
from everup.model.errors import AskAHuman

MIGRATIONS = Path(__file__).with_name("migrations")


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
    made: list[sa.schema.ExecutableDDLElement] = []
    for table in METADATA.sorted_tables:
        made.append(CreateTable(table))
        made += [CreateIndex(index) for index in sorted(table.indexes, key=lambda i: str(i.name))]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def migrate(session: Session) -> None:
    """Run every migration that is missing, in one transaction.

    Raises:
        JournalUnavailable: the database does not answer.
        AskAHuman: a newer version wrote this journal.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with session.changing() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
        if set(found) == set(scripts.get_heads()):
            return
        _refuse_newer(scripts, found, session.where)
        _refuse_foreign(connection, found, session.where)
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


def _refuse_newer(scripts: ScriptDirectory, found: tuple[str, ...], where: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = sorted(set(found) - known)
    if unknown:
        raise AskAHuman(
            f"the journal {where} has schema {', '.join(unknown)}, written by a newer Everup: "
            "install that version again, or move the journal away to begin with an empty memory"
        )


def _refuse_foreign(connection: sa.Connection, found: tuple[str, ...], where: str) -> None:
    """Tables of somebody else under our names are not ours to write to."""
    if found:
        return
    there = set(sa.inspect(connection).get_table_names()) & set(METADATA.tables)
    if there:
        raise AskAHuman(
            f"the database {where} has tables named {', '.join(sorted(there))} that are no "
            "journal of ours: give the journal a database of its own"
        )
