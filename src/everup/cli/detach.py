"""`everup up --detach`: the same command again in a session of its own, until it answers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from everup.cli import runfile
from everup.cli.exits import OK, UNREACHABLE, USAGE, Stop
from everup.cli.loading import load
from everup.cli.place import Place
from everup.cli.trust import trust

READY_WITHIN_S = 60.0
POLL_EVERY_S = 0.1
LOG_LINES_SHOWN = 20
LOG_BYTES_SHOWN = 16_384


def up_detached(
    place: Place, flags: dict[str, object], allowed_hosts: list[str], project: str | None = None
) -> int:
    """0 when it answers; its own exit code when it ended at once."""
    loaded = load(place, flags, project)
    if project is None and place.is_without_file():
        project = loaded.stack.name
    state_dir = loaded.options.state_dir
    other = runfile.find(state_dir)
    if other is not None:
        raise Stop(
            USAGE,
            f"Everup runs already: process {other.pid}, {other.address}.\n"
            "Stop it alone with: everup down --keep-services",
        )
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = state_dir / "everup.log"
    with log.open("ab") as output:
        begins = output.tell()
        process = subprocess.Popen(
            _command(place, flags, allowed_hosts, project),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            raise Stop(code if code > 0 else 1, f"it ended at once:\n{_tail(log, begins)}")
        running = runfile.find(state_dir)
        if running is not None and _answers(running.address):
            print(f"Everup runs: process {running.pid}, {running.address}, output in {log}")
            return OK
        time.sleep(POLL_EVERY_S)
    raise Stop(UNREACHABLE, f"it does not answer yet; see {log}\n{_tail(log, begins)}")


def _command(
    place: Place, flags: dict[str, object], allowed_hosts: list[str], project: str | None
) -> list[str]:
    command = [sys.executable, "-m", "everup.cli", "up"]
    if place.file is not None:
        command += ["--file", str(place.file)]
    for name, value in flags.items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    for host in allowed_hosts:
        command += ["--allow-host", host]
    if project is not None:
        command += ["--project", project]
    return command


def _answers(address: str) -> bool:
    import httpx2

    try:
        with httpx2.Client(timeout=2.0, trust_env=False, verify=trust(address)) as client:
            return client.get(f"{address}/health").status_code in (200, 503)
    except httpx2.HTTPError:
        return False


def _tail(log: Path, begins: int) -> str:
    with log.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(begins, stream.tell() - LOG_BYTES_SHOWN))
        text = stream.read(LOG_BYTES_SHOWN).decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-LOG_LINES_SHOWN:])
