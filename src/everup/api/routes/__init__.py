"""One router per noun; `ROUTERS` is the whole surface."""

from everup.api.routes import (
    actions,
    dependencies,
    freeze,
    health,
    incidents,
    metrics,
    plan,
    recovery,
    release,
    services,
    status,
)

ROUTERS = (
    health.router,
    status.router,
    dependencies.router,
    incidents.router,
    actions.router,
    plan.router,
    freeze.router,
    release.router,
    services.router,
    recovery.router,
    metrics.router,
)

__all__ = ["ROUTERS"]
