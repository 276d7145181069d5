"""One router per noun; `ROUTERS` is the whole surface."""

from everup.api.routes import (
    actions,
    approvals,
    dependencies,
    events,
    freeze,
    health,
    incidents,
    metrics,
    plan,
    predictions,
    recovery,
    release,
    report,
    rollback,
    scaling,
    services,
    snapshots,
    stack,
    status,
)

ROUTERS = (
    health.router,
    status.router,
    dependencies.router,
    stack.router,
    incidents.router,
    actions.router,
    plan.router,
    predictions.router,
    events.router,
    approvals.router,
    freeze.router,
    release.router,
    services.router,
    recovery.router,
    rollback.router,
    snapshots.router,
    scaling.router,
    report.router,
    metrics.router,
)

__all__ = ["ROUTERS"]
