"""Replay: recorded history through the real assess and decide code, far faster than it happened.

    recording (own history, Prometheus, CSV, Parquet) ─▶ player ─▶ outcome ─▶ compare

Nothing is touched: there is no runtime, and the clock is that of the recording. What was recorded
stays as it was, so an action that would have been taken changes nothing that comes after it.
Called by `cli`. Stands above `app`.
"""

from everup.replay.compare import compare
from everup.replay.errors import BadRecording
from everup.replay.open import open_recording
from everup.replay.outcome import Outcome, as_plain
from everup.replay.player import play
from everup.replay.recording import Recording
from everup.replay.stacks import of_names

__all__ = [
    "BadRecording",
    "Outcome",
    "Recording",
    "as_plain",
    "compare",
    "of_names",
    "open_recording",
    "play",
]
