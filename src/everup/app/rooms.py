"""Opens the rooms beside the loop as the configuration says: notifiers, heartbeat, log, history,
models and who trains them."""

from __future__ import annotations

from pathlib import Path

from everup.blobs import ModelFolder
from everup.config import Loaded
from everup.history import DiskHistory
from everup.logbook import open_logbook
from everup.loop.ports import Clock
from everup.loop.rooms import Rooms
from everup.notify import HttpHeartbeat, create_notifiers
from everup.training import ProcessTrainer

HISTORY_FOLDER, LOGS_FOLDER, MODELS_FOLDER = "history", "logs", "models"
TRAINING_FOLDER = "training"


def open_rooms(loaded: Loaded, state_dir: Path, clock: Clock) -> Rooms:
    """All of them. Nothing is sent or written yet, but for the log file, which is opened.

    Raises:
        GiveUp: the log folder cannot be written.
    """
    options, settings, stack = loaded.options, loaded.settings, loaded.stack
    log = open_logbook(
        options.log_directory or state_dir / LOGS_FOLDER,
        level=options.log_level,
        stack=stack.name,
        file_bytes=settings.log_file_bytes,
        files=settings.log_files,
    )
    history = DiskHistory(
        state_dir / HISTORY_FOLDER,
        stack.name,
        tuple(stack.services),
        days=settings.history_days,
        total_bytes=settings.history_total_bytes,
    )
    beat = options.heartbeat
    return Rooms(
        create_notifiers(options.notifiers, log),
        None if beat is None else HttpHeartbeat(beat, clock),
        log,
        history,
        ModelFolder(state_dir / MODELS_FOLDER),
        # Not in /tmp, which is often memory: two weeks of samples are some 25 MB a service.
        ProcessTrainer(state_dir / TRAINING_FOLDER, cluster=options.training_cluster),
    )
