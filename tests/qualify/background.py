"""One run in the background: begun, found again by its pid and start time, and ended.

Only a process that is truly ours is ever signalled: a reused pid has another start time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.qualify.chunks import ROOT
from tests.qualify.record import FOLDER

ENDS_WITHIN_S = 60.0


def begin(folder: Path = FOLDER) -> int:
    """Start a run of its own session; its words go to `log`. Returns its pid."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("a") as log:
        child = subprocess.Popen(
            ["nice", "-n", "10", sys.executable, "-m", "tests.qualify", "run"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return child.pid


def announce(folder: Path = FOLDER) -> None:
    """This process is the run."""
    folder.mkdir(exist_ok=True)
    me = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    (folder / "pid").write_text(json.dumps(me))


def found(folder: Path = FOLDER) -> psutil.Process | None:
    """The run that is under way."""
    try:
        said = json.loads((folder / "pid").read_text())
        process = psutil.Process(said["pid"])
        is_it = abs(process.create_time() - said["started"]) < 1.0
        return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def end(process: psutil.Process) -> bool:
    """Ask it to stop; chunks under way are thrown away. False: it still runs."""
    process.send_signal(signal.SIGTERM)
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.1)
    return True
