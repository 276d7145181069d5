"""Makes of a configuration everything that a start needs, and refuses what cannot start.

Nothing has happened yet when it refuses: a restart prepares before it stops.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from everup.model.errors import GiveUp
from everup.runtimes.processes.account import Account, account_for
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.identity import MARK
from everup.runtimes.processes.records import instance_name

OWN_PREFIX = "EVERUP_"


@dataclass(frozen=True, slots=True)
class Order:
    """A checked start. `program` is the file to execute, `arguments` begin with its given name."""

    program: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    directory: str
    account: Account | None


def order(
    service: str, index: int, configuration: Configuration, inherited: Mapping[str, str]
) -> Order:
    """What to execute for this instance; the mark is added when the nonce is known.

    Raises:
        GiveUp: command, directory or user will not do; names field, value and fix.
    """
    try:
        return _order(service, index, configuration, inherited)
    except GiveUp as error:
        raise GiveUp(f"service {service}: {error}") from None


def _order(
    service: str, index: int, configuration: Configuration, inherited: Mapping[str, str]
) -> Order:
    if not configuration.command:
        raise GiveUp("command: nothing is declared; say what to execute, as a list")
    account = account_for(configuration.user)
    env = environment(service, index, configuration, inherited, account)
    directory = _directory(configuration.directory)
    _ = configuration.signal_number
    program = _program(configuration.command[0], directory, env.get("PATH", os.defpath))
    return Order(program, configuration.command, env, directory, account)


def environment(
    service: str,
    index: int,
    configuration: Configuration,
    inherited: Mapping[str, str],
    account: Account | None,
) -> dict[str, str]:
    """Everup's own environment without what is Everup's, then what is declared, then the facts."""
    env = {k: v for k, v in inherited.items() if not k.startswith(OWN_PREFIX) and k != "PORT"}
    if account is not None:
        env.update(account.env)
    env.update(configuration.env)
    env["EVERUP_SERVICE"] = service
    env["EVERUP_INSTANCE"] = instance_name(service, index)
    if configuration.port is not None:
        env["PORT"] = str(configuration.port + index)
    env.pop(MARK, None)
    return env


def _directory(declared: str | None) -> str:
    path = Path(declared) if declared is not None else Path.cwd()
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise GiveUp(f"directory: {str(path)!r} {what}; create it or correct the path")
    return str(path.resolve())


def _program(name: str, directory: str, path: str) -> str:
    if "/" in name:
        found = os.path.join(directory, name)
        if not os.path.isfile(found):
            raise GiveUp(f"command: {name!r} is no file in {directory}; correct the path")
        if not os.access(found, os.X_OK):
            raise GiveUp(f"command: {found!r} may not be executed; make it executable")
        return found
    program = shutil.which(name, path=path)
    if program is None:
        raise GiveUp(f"command: {name!r} is not on PATH ({path}); install it or give its full path")
    return os.path.abspath(program)
