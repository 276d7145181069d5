"""Which release of a service a start uses: a folder for each version, a link to the present one.

Flows in: a configuration. Flows out: the same with its release named, so that it is written down
what ran. Only reads: releases and the link are their owner's, and are never changed or removed.

    releases/1.4.0/   releases/1.5.0/   releases/current -> 1.5.0

A release that was applied (to go back, say) holds for as long as the link leads where it led then:
a link that was moved since is the owner's newer word.
"""

from __future__ import annotations

import os.path
from dataclasses import replace

from everup.model.errors import GiveUp
from everup.runtimes.processes.configuration import Configuration


def resolved(configuration: Configuration, ran: str | None = None) -> Configuration:
    """With its release named. `ran`: the one that ran before, which a restart keeps.

    Raises:
        GiveUp: there is no such folder; names field, value and fix.
    """
    if configuration.releases is None:
        return configuration
    wanted = _applied(configuration) or ran
    if wanted is None or not os.path.isdir(wanted):
        wanted = current(configuration)
    if not os.path.isdir(wanted):
        raise GiveUp(
            f"releases: {configuration.current!r} leads to no folder; let it lead to a release in "
            f"{configuration.releases!r}"
        )
    if os.path.dirname(wanted) != os.path.realpath(configuration.releases):
        raise GiveUp(
            f"releases: {wanted!r} does not lie in {configuration.releases!r}; a release is a "
            "folder right in it"
        )
    return replace(configuration, release=wanted, release_over=None, directory=wanted)


def applied(configuration: Configuration) -> Configuration:
    """As it is kept: with what the link leads to now, over which it holds."""
    if configuration.releases is None or configuration.release is None:
        return configuration
    return replace(configuration, release_over=current(configuration), directory=None)


def current(configuration: Configuration) -> str:
    """Where the link leads now."""
    return os.path.realpath(configuration.current or "")


def _applied(configuration: Configuration) -> str | None:
    if configuration.release is None or configuration.release_over != current(configuration):
        return None
    return os.path.realpath(configuration.release)
