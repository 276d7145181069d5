"""Anomalies of services and single series: streaming, from nothing, without a look ahead. Pure.

`detector` is the way in: a row of all services goes in, what is rare, noted and an alarm comes out.

    detector    one step of everything; what is kept, as plain arrays
    gathering   samples become rows of five minutes
    intake      poison is counted and made unknown
    streams     what is kept of each signal, in blocks
    signs       the members: how unusual, in many simple ways
    windows     order and means of windows with unknown values
    daily       what is usual at this hour
    tails       how rare a score is by its own past
    services    the signals of a service together: breadth, forest, directions
    model       what training fitted, as bytes without pickle: `forest` and `residual`
    reports     seen twice, told once, within a budget
"""

from everup.predictive_monitor.anomaly.detector import Detector, Step, Why
from everup.predictive_monitor.anomaly.model import ServiceModel

__all__ = ["Detector", "ServiceModel", "Step", "Why"]
