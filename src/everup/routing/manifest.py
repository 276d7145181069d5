"""The kinds of routers, each with what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.routing import RouterManifest
from everup.routing import haproxy

MANIFESTS: Mapping[str, RouterManifest] = {haproxy.MANIFEST.kind: haproxy.MANIFEST}
