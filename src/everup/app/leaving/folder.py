"""What Everup keeps in a state folder, by name, and its removal. Blocks.

Only what Everup makes is taken away: a state folder may have been put where other files are, and
what is not known by its name stays, and is named. The folder itself goes once it is empty.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from everup.app.access.token import NAME as TOKEN
from everup.app.engine import JOURNAL_FILE, VAULT_FOLDER
from everup.app.rooms import HISTORY_FOLDER, LOGS_FOLDER
from everup.blobs.key import NAME as VAULT_KEY
from everup.blobs.sum_key import DAMAGED
from everup.blobs.sum_key import NAME as VERSION_KEY
from everup.logbook.book import FILE_NAME
from everup.routing import NOTES_FILE

EVIDENCE = (JOURNAL_FILE, HISTORY_FOLDER, LOGS_FOLDER, FILE_NAME)
DOCKER = "docker"
ROOMS = (
    *(
        "aside",
        "awaited",
        "moved",
        "isolated",
        "limits",
        "limits-left",
        "applied",
        "asked",
        "witnessed",
        "watched",
        "pinned",
        "failover",
    ),
)
FORMER = "safe_points"
"""Where that lay once."""

UNMARKED = ("areas", "lock", TOKEN, VAULT_KEY, VERSION_KEY)
"""Nothing in them says whose they are; beside a stranger's files they are left."""

SHOWN_MOST = 5
PROCESSES = ("instances", "declared", "held")
OF_SERVICES = ("output", "areas")
"""What services that go on running write into."""

IN_USE = "services that run on write into it"
WORDS = {
    JOURNAL_FILE: "the journal",
    HISTORY_FOLDER: "the history",
    LOGS_FOLDER: "the log",
    FILE_NAME: "the output of everup up --detach",
    DOCKER: "notes on containers",
    NOTES_FILE: "notes on the router",
    TOKEN: "the token of callers from elsewhere",
    VAULT_FOLDER: "what was kept to go back to",
    VAULT_KEY: "the key of what was kept",
    VERSION_KEY: "the key of versions",
    FORMER: "what was kept to go back to",
    "instances": "notes on processes",
    "declared": "notes on processes",
    "held": "notes on what is held",
    "output": "what the services wrote",
    "areas": "the services' working areas",
}
_INSIDE = {
    HISTORY_FOLDER: r"\d{13}\.history",
    LOGS_FOLDER: r"everup\.log(\.\d+)?",
    DOCKER: rf"({'|'.join(ROOMS)})/[^/]+\.(json|new|bad)",
    VAULT_FOLDER: r"mark(\.copy)?(\.[0-9a-f]{8}\.new)?|([0-9a-f]{2}|kept)/[^/]+",
    FORMER: r"[^/]+\.(json|new)",
    "instances": r"[^/]+\.(json|new|bad)",
    "declared": r"[^/]+\.(json|new|bad)",
    "held": r"(aside/)?[^/]+\.(json|new|bad)",
    "output": r"[^/]+\.(log|before)",
    "areas": r".*",
}
"""What Everup makes in each of its folders; a folder of this name may be somebody else's."""

_KNOWN = re.compile(
    rf"({re.escape(JOURNAL_FILE)}(-wal|-shm|-journal)?|{re.escape(FILE_NAME)}(\.\d+)?"
    rf"|router\.(new|bad)|everup\.pid|everup\.\d+|lock|{TOKEN}|\.{TOKEN}\.\d+"
    rf"|({re.escape(VAULT_KEY)}|{re.escape(VERSION_KEY)})(\.[0-9a-f]{{8}}\.new)?"
    rf"|{re.escape(VERSION_KEY + DAMAGED)})$"
)


def found(folder: Path) -> tuple[list[Path], list[Path]]:
    """What is ours in it, and what is not."""
    ours: list[Path] = []
    strange: list[Path] = []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return [], []
    for entry in entries:
        is_ours = entry.name in WORDS or _KNOWN.match(entry.name) is not None
        (ours if is_ours and not entry.is_symlink() else strange).append(entry)
    return ours, strange


def is_evidence(entry: Path) -> bool:
    """Does it tell a person what happened?"""
    return entry.name.startswith(EVIDENCE)


def said(entries: Sequence[Path]) -> str:
    """`the journal, the history, …`."""
    words = [WORDS.get(entry.name) for entry in entries]
    return ", ".join(dict.fromkeys(word for word in words if word)) or "small files"


def remove(folder: Path, keep: Sequence[str]) -> list[str]:
    """Take away what is ours but for `keep`; what could not be removed, with the reason."""
    ours, strange = found(folder)
    stays: list[str] = []
    for entry in ours:
        if entry.name in keep:
            continue
        if entry.name in OF_SERVICES and is_in_use(entry):
            stays.append(f"{entry}: {IN_USE}; rm -r it when they have ended")
            continue
        if strange and entry.name in UNMARKED:
            stays.append(f"{entry}: whether it is Everup's cannot be seen; rm -r {entry}")
            continue
        try:
            if entry.is_dir():
                strange += _emptied(entry)
            else:
                entry.unlink()
        except OSError as error:
            stays.append(f"{entry}: {error.strerror}; rm -r {entry}")
    if strange:
        names = ", ".join(str(entry.relative_to(folder)) for entry in strange[:SHOWN_MOST])
        stays.append(f"{folder}: it holds what Everup did not make ({names})")
        return stays
    try:
        folder.rmdir()
    except OSError:
        return stays  # something was kept, which is said where it was decided
    return stays


def is_in_use(folder: Path) -> bool:
    """Has a process that we may look at a file of it open, or lives in it?"""
    inside = f"{folder.resolve()}/"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [process / "cwd", *(process / "fd").iterdir()]
        except OSError:
            continue  # another account's, or gone
        for link in links:
            try:
                if f"{os.readlink(link)}/".startswith(inside):
                    return True
            except OSError:
                continue
    return False


def _emptied(folder: Path) -> list[Path]:
    """Take away what is ours in one of our folders, and the folder if that was all; what is not."""
    if folder.name == "areas":
        shutil.rmtree(folder)
        return []
    strange = []
    for path in list(_files(folder)):
        if re.fullmatch(_INSIDE[folder.name], str(path.relative_to(folder))):
            path.unlink()
        else:
            strange.append(path)
    if not strange:
        shutil.rmtree(folder)  # empty folders are left
    return strange


def _files(folder: Path) -> Iterator[Path]:
    """Everything below it that is no folder; links are not followed."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        else:
            yield entry
