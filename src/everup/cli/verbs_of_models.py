"""The verbs about models and anomalies; `verbs` takes them in. What they do lives in `learning` and
`unusual`."""

from __future__ import annotations

from typing import Annotated

import typer

from everup.cli.options import Reason, Scope, asks, crafts
from everup.cli.place import Place

Craft = Annotated[
    str | None, typer.Argument(help="anomaly or failure; all without.", autocompletion=crafts)
]


@asks
def models(
    craft: Craft = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train one now; it serves only if it is better.")
    ] = False,
    give_back: Annotated[
        bool, typer.Option("--return", help="Have the one before serve again, at once.")
    ] = False,
    version: Annotated[str, typer.Option(help="With --return: which.")] = "",
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """What was learned from the past, how good it proved, and which model serves."""
    from everup.cli import learning

    if train:
        return learning.train(place, learning.named(craft, "--train"))
    if give_back:
        return learning.give_back(place, learning.named(craft, "--return"), version, reason)
    return learning.put_models(place, craft)


@asks
def anomalies(service: Scope = None, *, place: Place) -> int:
    """What is unusual of each service, what was noticed, which input was not believed."""
    from everup.cli import unusual

    return unusual.put_anomalies(place, service)


@asks
def thresholds(
    give_back: Annotated[
        str | None,
        typer.Option(
            "--return",
            help="Have calibration, acts_above or anomaly_budget as it is set, at once.",
        ),
    ] = None,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """What was learned from how predictions ended: their calibration, and thresholds."""
    from everup.cli import tuned

    if give_back is not None:
        return tuned.give_back(place, tuned.named(give_back), reason)
    return tuned.put(place)
