"""What is wrong with a recording, so that whoever made it can mend it."""

from __future__ import annotations

from everup.model.errors import GiveUp


class BadRecording(GiveUp):
    """Names the file, the field, the value and the fix."""

    def __init__(self, where: object, field: str, value: object, problem: str, fix: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= VALUE_CHARS else shown[:VALUE_CHARS] + "…"
        at = f"{field}: {shown} " if field else ""
        super().__init__(f"{where}: {at}{problem}; {fix}")


VALUE_CHARS = 80
