"""One router per noun; `ROUTERS` is the whole surface."""

from everup.api.routes import (
    actions,
    approvals,
    dependencies,
    freeze,
    health,
    incidents,
    metrics,
    plan,
    recovery,
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
    approvals.router,
    freeze.router,
    services.router,
    recovery.router,
    metrics.router,
)

__all__ = ["ROUTERS"]
