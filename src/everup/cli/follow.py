"""`everup status --follow`: what happens, line by line, until Ctrl-C.

Flows in: the event stream of a running Everup. Flows out: the lines that `everup up` prints itself,
or with `--json` each entry as one line. A stream that breaks is taken up again where it ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2

from everup.cli import client, events, show
from everup.cli.exits import OK, UNREACHABLE, Stop
from everup.cli.place import Place
from everup.cli.tokens import bearer
from everup.cli.trust import trust

SILENCE_MOST_S = 45.0  # three heartbeats
TRIES_MOST = 10
TRY_EVERY_S = 1.0


def follow(place: Place) -> int:
    """Ends with 0 on Ctrl-C, or with 3 when Everup has gone and does not come back."""
    try:
        for entry in entries(place):
            if place.is_json:
                print(json.dumps(entry, ensure_ascii=False), flush=True)
            elif said := told(entry):
                print(said, flush=True)
    except KeyboardInterrupt:
        return OK
    return OK


def told(entry: dict[str, Any]) -> str | None:
    """The line of an entry; None for what a person need not know."""
    from everup.journal.chain import entry_of
    from everup.journal.codec import CodecError

    try:
        return events.line(entry_of(str(entry["type"]), json.dumps(entry["data"])))
    except CodecError:
        return f"{show.moment(entry['at_s'])} {show.clean(entry['type'])}"


def entries(place: Place) -> Iterator[dict[str, Any]]:
    """Each entry from now on.

    Raises:
        Stop: 3 when nothing answers, or what `client` raises when it is refused.
    """
    url, last, tries = place.address(), "", 0
    timeout = httpx2.Timeout(SILENCE_MOST_S, connect=client.CONNECT_S)
    with httpx2.Client(base_url=url, timeout=timeout, trust_env=False, verify=trust(url)) as asking:
        while True:
            try:
                headers = dict(bearer(place, url)) | ({"Last-Event-ID": last} if last else {})
                with asking.stream("GET", "/events", headers=headers) as response:
                    if not response.is_success:
                        response.read()
                        raise client.refusal(place, response)
                    tries = 0
                    for entry in _parsed(response.iter_lines()):
                        last = str(entry["sequence"])
                        yield entry
            except httpx2.HTTPError:
                pass
            tries += 1
            if tries > (TRIES_MOST if last else 1):
                raise Stop(UNREACHABLE, f"Everup at {url} does not answer any more")
            time.sleep(TRY_EVERY_S)


def _parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The data of each event; comments and other fields say nothing that it does not."""
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
