"""What will be asked of a service: the past of its demand, what follows from it, how sure that is.

Read in this order: `past` keeps steps of demand, `features` describes this moment by them,
`regression` learns a line and the width of its errors, `members` are several simple ways to
foretell, `forecast` weighs them by how they did and says quantiles. Pure; numpy alone. May be
imported by `auto_scaler`, and by nobody else but through it.
"""

from everup.auto_scaler.demand.forecast import Forecaster, Spread
from everup.auto_scaler.demand.past import DemandPast

__all__ = ["DemandPast", "Forecaster", "Spread"]
