"""Small files that must be there whole or not at all, readable by their owner alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import structlog

from everup.model.errors import TryAgain

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_log = structlog.get_logger(__name__)


def file_name(name: str, suffix: str) -> str:
    """A name that cannot leave its folder, whatever the service is called."""
    return quote(name, safe="").replace(".", "%2E") + suffix


def name_of(path: Path) -> str:
    """What `file_name` was made from."""
    return unquote(path.stem)


def make_folder(path: Path) -> Path:
    """The folder, made when missing, for its owner alone."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    return path


def save(path: Path, content: Any) -> None:
    """Write JSON so that a crash at any moment leaves the old content or the new.

    Raises:
        OSError: it could not be written; the old content stays.
    """
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def load(path: Path) -> Any:
    """The content; None when the file is missing or no JSON, which is kept aside.

    Raises:
        TryAgain: it could not be read now, which says nothing of what is in it: it stays.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        _log.warning("state_file_unreadable", path=str(path), error=str(error))
        set_aside(path)
        return None
    except OSError as error:
        raise TryAgain(f"{path} cannot be read now: {error.strerror or error}") from error


def listed(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder with this suffix; none where there is no folder.

    Raises:
        TryAgain: it could not be looked through now, which is not to be taken for empty.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(suffix))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TryAgain(f"{folder} cannot be read now: {error.strerror or error}") from error


def set_aside(path: Path) -> None:
    """Keep what cannot be understood, out of the way."""
    try:
        path.replace(path.with_suffix(".bad"))
    except OSError as error:
        _log.warning("state_file_stays", path=str(path), error=str(error))


def remove(path: Path) -> None:
    """Gone, whether it was there or not."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
