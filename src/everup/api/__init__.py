"""The HTTP face: a FastAPI application over a running engine, a router per noun.

Flows in: requests on loopback (by default 127.0.0.1:8010). Flows out: JSON made from what the
latest look saw and what the journal holds; wishes go to the loop as `model.request.Request`. Called
by `everup up`. Nothing here decides or acts: whatever changes something goes through the gate.
"""

from everup.api.app import create_api
from everup.api.server import ApiServer, bind

__all__ = ["ApiServer", "bind", "create_api"]
