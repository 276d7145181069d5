"""Going away: every trace of Everup is taken from a host, and what it watched runs on.

`homes` says what a state folder is, `folder` knows its files, `leave` does it. Called by
`everup uninstall`.
"""

from everup.app.leaving.homes import Home
from everup.app.leaving.leave import Parting, Plan, leave, survey

__all__ = ["Home", "Parting", "Plan", "leave", "survey"]
