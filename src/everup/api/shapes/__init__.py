"""The JSON that goes out, as pydantic models over the frozen dataclasses of `model`.

Times are seconds since the epoch, durations seconds, ratios and scores 0–1. Unknown is `null`.
"""
