"""Router `haproxy`: HAProxy by its runtime API, on a UNIX socket or TCP."""

from everup.routing.haproxy.manifest import MANIFEST
from everup.routing.haproxy.router import HaproxyRouter

__all__ = ["MANIFEST", "HaproxyRouter"]
