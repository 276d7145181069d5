"""The key of the sums that are shown: of versions, and of what is declared. Blocks.

Flows in: the state folder. Flows out: a `SumKey`, the same over restarts. It is not made from
`EVERUP_SECRET_KEY`: whoever changes that one did not change every service. Where it is lost there
is a new one: what was seen before cannot be compared with what is seen then, which every version
says of itself, so that nothing looks changed. Called by `app`, which hands it to runtimes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from everup.blobs.files import sync_folder
from everup.blobs.key_file import NoKey, make_key, read_key
from everup.model.errors import AskAHuman
from everup.model.sums import SumKey

NAME = "version.key"
DAMAGED = ".damaged"
"""Ends the name of what lay there and was no key; a later one takes its place."""


@dataclass(frozen=True, slots=True)
class KeptSumKey:
    """`made`: a sentence where it was made just now; "" where it was there."""

    key: SumKey
    made: str = ""


def the_sum_key(state_dir: Path) -> KeptSumKey:
    """The one in the state folder; made where there is none, or none that can be used.

    Raises:
        AskAHuman: the file can be neither read nor made; says what to do.
    """
    path, harm = state_dir / NAME, ""
    try:
        try:
            found = read_key(path)
        except NoKey as error:
            aside = path.with_name(NAME + DAMAGED)
            path.replace(aside)
            sync_folder(path.parent)
            harm, found = f"{path}: {error}; it lies as {aside.name} now. ", None
        if found is not None:
            return KeptSumKey(SumKey(found))
        key = SumKey(make_key(path))
    except (OSError, NoKey) as error:
        what = error.strerror if isinstance(error, OSError) else ""
        raise AskAHuman(
            f"{path}: {what or error}; let this user ({os.geteuid()}) read and write that file and "
            "its folder, or move the file away: then a new key is made, and what is kept to go "
            "back to cannot be compared with what runs until it is kept anew"
        ) from error
    made = f"{harm}{path} was made: versions seen before are not compared with those from now on"
    return KeptSumKey(key, made)
