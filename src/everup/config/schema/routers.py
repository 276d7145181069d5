"""`router` of the top level."""

from __future__ import annotations

from everup.config.schema.parts import Part, block, described, duration
from everup.model.routing import RouterSpec

_ADDRESS = r"^(/\S|unix://\S|tcp://\S+:[0-9])"


def router() -> dict[str, Part]:
    """An address alone, or its block."""
    address = {"type": "string", "pattern": _ADDRESS}
    parts = block(
        {
            "haproxy": described(address, "HAProxy's runtime API.", "tcp://haproxy:9999"),
            "timeout_s": described(
                duration(0.1, 30.0), "For one command.", "5s", default=RouterSpec("", "").timeout_s
            ),
        }
    )
    return {
        "router": described(
            {**parts, "type": ["string", "object"], "pattern": _ADDRESS},
            "Who brings requests to instances, so that whoever is acted upon is spared.",
            "unix:///run/haproxy/admin.sock",
        )
    }
