"""Durations, sizes and times of day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config.units import duration_s, minute_of_day, size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("2.5", 2.5),
        ("30s", 30),
        ("500ms", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172800),
        (" 5M ", 300),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 parsecs", "-1", "nan", "inf", "1m5", "5m-3s", "1:30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration_s(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1024", 1024),
        ("512MiB", 512 * 2**20),
        ("512m", 512 * 2**20),
        ("512Mi", 512 * 2**20),
        ("512 MB", 512e6),
        ("1.5GiB", 1.5 * 2**30),
        ("2g", 2 * 2**30),
        ("100b", 100),
        ("1tib", 2**40),
    ],
)
def test_sizes(text: str, expected: float) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "MiB", "-5m", "5iB", "5mm", "5 m b"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size_bytes(text)


@given(st.integers(0, 24 * 60 - 1))
def test_every_minute_of_the_day_reads_back(minute: int) -> None:
    assert minute_of_day(f"{minute // 60:02d}:{minute % 60:02d}") == minute


@pytest.mark.parametrize("text", ["24:01", "7", "07:60", "7:5", "noon", "-1:00"])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time of day"):
        minute_of_day(text)


@given(st.integers(0, 10**6))
def test_a_number_of_seconds_with_or_without_its_unit_is_the_same(seconds: int) -> None:
    assert duration_s(str(seconds)) == duration_s(f"{seconds}s") == seconds
