"""The token as the verbs show it, and as `everup token` prints it.

It is, in this order: EVERUP_TOKEN, the file that EVERUP_TOKEN_FILE names, the one in the state
folder of the Everup that is asked. The last is shown to addresses of this machine alone: it is of
no use to another Everup, and whoever answers elsewhere should not learn it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.config.tokens import FIX, VARIABLE, is_token, read_token

FILE_VARIABLE = "EVERUP_TOKEN_FILE"
NAME = "token"
EVERYWHERE = ("0.0.0.0", "::", "localhost")  # noqa: S104 - only compared


def bearer(place: Place, url: str) -> Mapping[str, str]:
    """The header for this address; none where there is no token.

    Raises:
        Stop: 2 when the variable or its file holds none.
    """
    token = _given() or (_kept(place) if _is_here(url) else "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def how_to_show(place: Place) -> str:
    """What a verb says that was refused for want of a token."""
    path = place.folder() / NAME
    if path.exists() and not os.access(path, os.R_OK):
        return (
            f"the token is in {path}, which this user may not read: run this as the user that "
            f"runs Everup, or give the token by {VARIABLE}"
        )
    return f"the command line takes the token from {VARIABLE} or {FILE_VARIABLE}"


def put_token(place: Place) -> int:
    """Print it, and nothing else."""
    token = _given()
    path = place.folder() / NAME
    if not token:
        try:
            token = read_token(path)
        except FileNotFoundError:
            raise Stop(
                UNWELL,
                f"there is no token in {path}: one is made when Everup is started where others "
                "can reach it",
            ) from None
        except (OSError, ValueError) as error:
            raise Stop(UNWELL, f"the token in {path} cannot be read: {error}") from None
    if sys.stdout.isatty():
        print(f"in {path}", file=sys.stderr)
    print(token)
    return OK


def _given() -> str:
    """By a variable."""
    token = os.environ.get(VARIABLE, "").strip()
    if token:
        if not is_token(token):
            raise Stop(USAGE, f"{VARIABLE} is no token; {FIX}")
        return token
    named = os.environ.get(FILE_VARIABLE, "").strip()
    if not named:
        return ""
    try:
        return read_token(Path(named))
    except (OSError, ValueError) as error:
        raise Stop(USAGE, f"{FILE_VARIABLE}: {named} cannot be read: {error}") from None


def _kept(place: Place) -> str:
    try:
        return read_token(place.folder() / NAME)
    except (OSError, ValueError):
        return ""


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host in EVERYWHERE:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
