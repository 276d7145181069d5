"""The API as the verbs call it: JSON in, JSON out, and errors that say what to do.

Flows in: a method, a path, parameters. Flows out: the decoded body. Raises `Stop`: 3 when nothing
answers, 1 when Everup says no, 2 when it does not understand.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from typing import Any

import httpx2

from everup.cli.exits import UNREACHABLE, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.cli.tokens import bearer, how_to_show
from everup.cli.trust import trust

CONNECT_S = 2.0
ANSWER_S = 75.0
TOKEN_NEEDED = 401
MARGIN_S = 10.0

_OVERRIDE = re.compile(r"add override=(\w+) and a reason")
_LISTS = {
    "GET /incidents lists them": "everup explain SERVICE shows the latest of a service",
    "GET /snapshots lists them": "everup snapshot list shows them",
    "GET /approvals lists them": "everup approve lists what waits",
}

Parameters = Mapping[str, str | float | None]


def get(place: Place, path: str, *, accept: tuple[int, ...] = (), **query: Any) -> Any:
    """Read something. `accept`: statuses besides 2xx whose body is an answer all the same."""
    return _call(place, "GET", path, query, 0.0, accept)


def change(place: Place, method: str, path: str, wait_s: float = 0.0, **query: Any) -> Any:
    """Ask for something, and with `wait_s` wait for its outcome."""
    query = {"by": _by(), **query}
    if wait_s:
        query["wait"] = wait_s
    return _call(place, method, path, query, wait_s, ())


def _call(
    place: Place,
    method: str,
    path: str,
    query: Parameters,
    wait_s: float,
    accept: tuple[int, ...],
) -> Any:
    url = place.address()
    given = {name: value for name, value in query.items() if value not in (None, "", [])}
    timeout = httpx2.Timeout(ANSWER_S + wait_s + MARGIN_S, connect=CONNECT_S)
    try:
        with httpx2.Client(timeout=timeout, trust_env=False, verify=trust(url)) as client:
            response = client.request(method, url + path, params=given, headers=bearer(place, url))
            body = response.json()
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise Stop(USAGE, f"{url} is no address of Everup: {error}") from None
    except httpx2.TimeoutException:
        raise Stop(UNREACHABLE, f"Everup at {url} does not answer in time") from None
    except httpx2.HTTPError as error:
        raise Stop(
            UNREACHABLE,
            f"Everup does not run at {url} ({error}).\n{place.how_to_begin()}",
        ) from None
    except ValueError:
        raise Stop(UNREACHABLE, f"what answers at {url} is not Everup") from None
    if response.is_success or response.status_code in accept:
        return body
    raise _refusal(place, response.status_code, body)


def refusal(place: Place, response: httpx2.Response) -> Stop:
    """Everup's no as an error with its fix."""
    try:
        return _refusal(place, response.status_code, response.json())
    except ValueError:
        return Stop(UNREACHABLE, f"what answers at {response.url.host} is not Everup")


def _refusal(place: Place, status: int, body: Any) -> Stop:
    said = body if isinstance(body, dict) else {}
    lines = [str(said.get("detail", f"Everup answered {status}"))]
    if said.get("check"):
        lines[0] = f"refused by the check {said['check']}: {lines[0]}"
    if said.get("retry_after_s"):
        lines.append(f"ask again in {said['retry_after_s']:.0f} s")
    if said.get("fix"):
        lines.append(_as_options(str(said["fix"])))
    if status == TOKEN_NEEDED:
        lines.append(how_to_show(place))
    return Stop(USAGE if status in (400, 404, 405, 422) else UNWELL, "\n".join(lines))


def _as_options(fix: str) -> str:
    """The API speaks of parameters and paths, the command line of options and verbs."""
    for path, verb in _LISTS.items():
        fix = fix.replace(path, verb)
    return _OVERRIDE.sub(r"add --override \1 --reason WHY", fix)


def _by() -> str:
    """Who asks, for the journal."""
    try:
        return f"cli:{getpass.getuser()}"[:64]
    except (OSError, KeyError):
        return "cli"
