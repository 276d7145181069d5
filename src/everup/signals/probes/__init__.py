"""Probes: ask one instance whether it is well, over HTTP, TCP, the protocols of
PostgreSQL and Redis, or by a command.

Implements `loop.ports.Prober`; `create_prober` is the way in. One file for each way of asking.
"""

from everup.signals.probes.prober import LiveProber, create_commands, create_prober

__all__ = ["LiveProber", "create_commands", "create_prober"]
