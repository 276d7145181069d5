"""Which programs are known to keep data."""

from __future__ import annotations

import pytest

from everup.config.databases import known_database


@pytest.mark.parametrize(
    ("name", "command", "product"),
    [
        ("db", ("postgres", "-D", "data"), "PostgreSQL"),
        ("db", ("/usr/lib/postgresql/15/bin/postgres",), "PostgreSQL"),
        ("db", ("pg_ctl", "-D", "x", "postgres"), None),
        ("cache", ("sh", "-c", "exec redis-server --port 1"), "Redis"),
        ("cache", ("nice", "-n", "10", "redis-server"), "Redis"),
        ("cache", ("env", "A=b", "mysqld"), "MySQL"),
        ("postgres", ("python", "-m", "wrapper"), "PostgreSQL"),
        ("redis-2", (), "Redis"),
        ("redis-exporter", ("redis-exporter",), None),
        ("api", ("python", "-m", "api", "--cache", "redis"), None),
        ("api", ("sh", "-c", "unclosed 'quote"), None),
        ("api", (), None),
    ],
)
def test_products(name: str, command: tuple[str, ...], product: str | None) -> None:
    assert known_database(name, command) == product
