"""Canaries: small things that always work, unless it is we who are in trouble.

Each one walks a way that probes walk too (loopback HTTP, running a command, resolving a name). When
one fails, what the probes say is not believed. A canary never raises and never waits for long.
"""

from everup.signals.canaries.choir import Canary, Choir

__all__ = ["Canary", "Choir"]
