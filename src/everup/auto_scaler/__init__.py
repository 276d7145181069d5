"""How many copies of a service, and how large: what was asked for as a step, or why not, by name.

Pure. `change` answers a person's wish or a rung of a ladder; forecasts have their room here.
"""

from everup.auto_scaler.ask import Ask, Change, change
from everup.auto_scaler.refusals import nature
from everup.auto_scaler.rules import Rule, rule_for
from everup.auto_scaler.state import ServiceScale, scale_of

__all__ = ["Ask", "Change", "Rule", "ServiceScale", "change", "nature", "rule_for", "scale_of"]
