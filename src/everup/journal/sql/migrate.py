"""Bring a database to this version's schema, with the migrations shipped in the package."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from everup.model.errors import AskAHuman


def config_for(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine) -> None:
    """Upgrade to the newest version.

    Raises:
        AskAHuman: the database was written by a newer Everup.
    """
    with engine.begin() as connection:
        config = config_for(connection)
        try:
            ScriptDirectory.from_config(config)
            command.upgrade(config, "head")
        except CommandError as error:
            raise AskAHuman(
                f"the journal was written by a newer version of Everup ({error}); "
                "update Everup, or give it another state folder"
            ) from error
