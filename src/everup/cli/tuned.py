"""What was tuned, on the terminal: `everup thresholds`.

Flows in: the body of `GET /predictions/thresholds`. Flows out: sentences, and the calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.cli import client
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.place import Place
from everup.cli.show import moment, put_json, put_table, put_text
from everup.model.tuning import Knob

PATH = "/predictions/thresholds"


def named(what: str) -> Knob:
    """The one that is meant.

    Raises:
        Stop: there is none of this name.
    """
    try:
        return Knob(what)
    except ValueError:
        raise Stop(USAGE, f"nothing called {what!r} is tuned; {', '.join(Knob)} are") from None


def put(place: Place) -> int:
    """All that is in force."""
    _put(place, client.get(place, PATH))
    return OK


def give_back(place: Place, what: Knob, reason: str) -> int:
    """Have it as it is set."""
    _put(place, client.change(place, "POST", f"{PATH}/return", what=what, reason=reason))
    return OK


def _put(place: Place, found: Mapping[str, Any]) -> None:
    if place.is_json:
        put_json(found)
        return
    if not found["is_on"]:
        put_text("Nothing is tuned: tuning_enabled is off.")
    tuned = "" if found["acts_above_tuned"] is None else ", which was tuned"
    put_text(f"Predictions are acted upon from {found['acts_above']:.0%} on{tuned}.")
    put_text(f"The alarm budget of anomalies is {found['anomaly_budget']:g} times what is set.")
    if found["calibration"]:
        rows = [(f"{k['said']:.0%}", f"{k['worth']:.0%}") for k in found["calibration"]]
        put_table(f"Calibration, of {found['settled']} forecasts", ("said", "worth"), rows)
    else:
        put_text("No calibration: too few forecasts are settled, or none is needed.")
    for one in found["changes"]:
        held = one["held_until_s"]
        until = "" if held is None else f"; not tuned before {moment(held, with_day=True)}"
        at = moment(one["at_s"], with_day=True)
        put_text(f"{one['what']}, {at}: {one['why']}{until}")
