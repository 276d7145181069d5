"""GET /scaling as text: every service in sentences. Pure.

Flows in: the shape that JSON is made of. Flows out: lines for a terminal or a mail.
"""

from __future__ import annotations

from everup.api.shapes.scaling import ScalingShape

NOTHING = "# nothing is recommended"
STATES = {
    "off": "auto scaling is switched off (AUTO_SCALING_ENABLED=false)",
    "waiting": "waiting for the first look",
    "learning": "learning: the plain rules decide where not enough is known yet",
    "running": "running",
}


def text_of(found: ScalingShape) -> str:
    """Services in the order of their declaration."""
    lines = [f"auto_scaler: {STATES[found.state]}"]
    if found.fault:
        lines.append(f"fault: {found.fault}")
    for name, service in found.services.items():
        lines += ["", name, *(f"  {line}" for line in service.told)]
    costs = [service.cost for service in found.services.values()]
    if costs:
        month = sum(one.per_month for one in costs)
        waste = sum(one.waste_per_month for one in costs)
        currency = costs[0].currency
        text = f"Together {month:.2f} {currency} a month, {waste:.2f} {currency} of it not needed."
        lines += ["", text]
    return "\n".join(lines) + "\n"
