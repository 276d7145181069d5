"""Brings a database of an earlier version to the schema of this one, by the migrations here.

Flows in: a connection in a transaction. Flows out: nothing, the tables are there. `schema` calls it
when it finds neither the present schema nor an empty database; imported only then, since what it
needs takes long to load.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from everup.journal.tables import METADATA
from everup.model.errors import AskAHuman

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(connection: sa.Connection, where: str) -> None:
    """Run every migration that is missing.

    Raises:
        AskAHuman: a newer version wrote this journal, or the tables are somebody else's.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_heads()
    if set(found) == set(scripts.get_heads()):
        return
    _refuse_newer(scripts, found, where)
    _refuse_foreign(connection, found, where)
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
