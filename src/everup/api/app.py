"""The application: routers, guards and limits over one engine.

Called by `everup up` and by tests. Starts and stops nothing: the engine's life is its caller's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from everup import __version__
from everup.api import problems
from everup.api.engine import EngineView
from everup.api.feed import Feed, FeedBounds
from everup.api.guards import Guards
from everup.api.heads import Heads
from everup.api.limits import Bounds, Limits, Traffic
from everup.api.metrics import create_registry
from everup.api.query import strict_query
from everup.api.routes import ROUTERS
from everup.app.access import Access

DESCRIPTION = (
    "Watches a stack, heals it in the right order and proves that it healed. Times are seconds "
    "since the epoch, unknown is null, errors are problem documents (RFC 9457)."
)


def create_api(
    engine: EngineView,
    *,
    allowed_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    feed: FeedBounds | None = None,
    access: Access | None = None,
) -> FastAPI:
    """The API of this engine.

    Args:
        engine: a started engine; only `engine.control` is used.
        allowed_hosts: names besides localhost, 127.0.0.1 and [::1] that a Host header may say.
        limits: bounds on requests; None takes the defaults.
        feed: bounds on the listeners of /events; None takes the defaults.
        access: who must show the token; None: nobody, since nobody else can reach us.
    """
    traffic = Traffic()
    app = FastAPI(
        title="Everup",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(strict_query)],
    )
    app.state.engine = engine
    app.state.traffic = traffic
    app.state.feed = Feed(traffic, feed or FeedBounds())
    app.state.registry = create_registry(engine, traffic)
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.add_middleware(Heads)
    app.add_middleware(Bounds, limits=limits or Limits(), traffic=traffic)
    app.add_middleware(Guards, allowed_hosts=tuple(allowed_hosts), access=access)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, with every error described as the problem document that it is."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = schema["components"]["schemas"]
    shape = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts.update(shape.pop("$defs"))
    parts["Problem"] = shape
    for unused in ("HTTPValidationError", "ValidationError"):
        parts.pop(unused, None)
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = {"description": "A problem document", "content": content}
    for operations in schema["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses["4XX"] = answer
            responses["5XX"] = answer
    app.openapi_schema = schema
    return schema
