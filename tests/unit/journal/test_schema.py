"""What an empty database is given at once is what the migrations would make of it."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from everup.journal.engines import database_for
from everup.journal.migrating import MIGRATIONS, upgrade
from everup.journal.schema import HEAD, migrate
from everup.journal.session import Session


def test_the_newest_migration_is_known() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def _shape(file: Path) -> dict[str, object]:
    """Tables with their columns and keys, indexes with their columns, and the revision."""
    engine = sa.create_engine(f"sqlite:///{file}")
    found = sa.inspect(engine)
    shape: dict[str, object] = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((str(i["name"]), i["column_names"]) for i in found.get_indexes(name)),
            sorted(str(i["name"]) for i in found.get_indexes(name) if i["unique"]),
        )
        for name in found.get_table_names()
    }
    with engine.connect() as connection:
        text = sa.text("SELECT version_num FROM alembic_version")
        shape["revision"] = connection.execute(text).scalars().all()
    engine.dispose()
    return shape


def _opened(file: Path) -> Session:
    database = database_for(f"sqlite:///{file}", 5.0)
    database.may_create = True
    return Session(database)


def test_made_at_once_and_migrated_are_the_same(tmp_path: Path) -> None:
    at_once, migrated = tmp_path / "at_once.sqlite3", tmp_path / "migrated.sqlite3"
    session = _opened(at_once)
    migrate(session)
    migrate(session)  # nothing more to do
    session.dispose()
    session = _opened(migrated)
    with session.changing() as connection:
        upgrade(connection, session.where)
    session.dispose()
    assert _shape(at_once) == _shape(migrated)


def test_a_connection_in_use_is_left_to_whoever_uses_it(tmp_path: Path) -> None:
    """SQLite ends the process when a connection is closed under a running statement."""
    session = _opened(tmp_path / "journal.sqlite3")
    migrate(session)
    entered, may_end = threading.Event(), threading.Event()
    read: list[int] = []

    def use() -> None:
        with session.reading() as connection:
            entered.set()
            may_end.wait(10.0)
            read.extend(connection.execute(sa.text("SELECT 7")).scalars())

    user = threading.Thread(target=use)
    user.start()
    assert entered.wait(10.0)
    session.dispose()
    may_end.set()
    user.join(10.0)
    assert read == [7]
    assert session._connection is None, "it was dropped at the end of its use"
    with session.reading() as connection:
        assert connection.execute(sa.text("SELECT 8")).scalar() == 8
    session.dispose()
    assert session._connection is None
