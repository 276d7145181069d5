"""The schema's history. Alembic reads this folder; nobody imports it."""
