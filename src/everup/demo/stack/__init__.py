"""The reference stack: the first user's twelve services as real processes on loopback.

Flow: ``prepare.write_stack`` makes a folder with data, secrets and an ``everup.yaml``; Everup (or
a test) starts each service from it with ``python -m everup.demo.stack NAME``; a demo or a chaos
experiment turns their knobs through ``control``.

Real are PostgreSQL, Redis, and every process, socket, query and failure. ``qdrant`` and ``ollama``
are small stand-ins that speak the part of their HTTP interface which this stack uses. The other
eight are small services whose answers are plain but whose use of their dependencies is real.

Nothing is imported here: every service starts through this package and should start fast.
"""
