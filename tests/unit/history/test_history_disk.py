"""The folder of history: bounded in age and size, mended after a crash, quiet when disks fail."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from everup.history import DiskHistory, MemoryHistory
from everup.history.format import Header, pack
from everup.history.segments import SEGMENT_S, Segments
from everup.history.select import select
from everup.loop.ports import History
from everup.model.errors import TryAgain
from everup.model.history import INDEX, SIGNALS, Columns, Signal
from tests.unit.history.builders import HEADER, SERVICES, START_S, sample_of

DAY_S = 86400.0


def disk(folder: Path, **changes: float) -> DiskHistory:
    given = {"days": 14.0, "total_bytes": 2**30, "flush_every_s": 0.0, "retry_s": 0.0} | changes
    return DiskHistory(folder, "s", SERVICES, **given)  # type: ignore[arg-type]


def segments(folder: Path, header: Header = HEADER, **changes: float) -> Segments:
    given = {"keep_s": 14 * DAY_S, "total_most": 2**30} | changes
    return Segments(folder, header, **given)  # type: ignore[arg-type]


def filled(history: History, count: int, *, step_s: float = 30.0) -> None:
    for number in range(count):
        history.append(START_S + number * step_s, sample_of(number))


def expected(count: int, service: str, signal: Signal) -> list[float]:
    column = SERVICES.index(service)
    return [float(sample_of(n)[INDEX[signal], column]) for n in range(count)]


MAKERS: dict[str, Callable[[Path], History]] = {
    "disk": disk,
    "memory": lambda folder: MemoryHistory(SERVICES),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_appended_is_read(kind: str, tmp_path: Path) -> None:
    async def told() -> None:
        history = MAKERS[kind](tmp_path / "h")
        filled(history, 200)
        found = await history.read("b", START_S + 60, START_S + 1e6, (Signal.SCORE,))
        wanted = np.array(expected(200, "b", Signal.SCORE)[2:], dtype=np.float32)
        assert found.times_s.tolist() == [START_S + n * 30 for n in range(2, 200)]
        np.testing.assert_array_equal(found.values[Signal.SCORE], wanted)
        everything = await history.read("b", 0.0, 2e9)
        assert set(everything.values) == set(Signal)
        assert len((await history.read("nobody", 0.0, 2e9)).times_s) == 0
        assert history.counts().samples == 200
        await history.close()

    asyncio.run(told())


@pytest.mark.parametrize("kind", MAKERS)
def test_all_services_are_read_in_blocks(kind: str, tmp_path: Path) -> None:
    async def told() -> None:
        history = MAKERS[kind](tmp_path / "h")
        filled(history, 240, step_s=60.0)
        found = [block async for block in history.blocks(START_S + 60, START_S + 9000)]
        times = np.concatenate([times for times, _ in found])
        values = np.concatenate([values for _, values in found])
        assert times.tolist() == [START_S + n * 60 for n in range(1, 151)]
        assert values.shape == (150, len(SIGNALS), len(SERVICES))
        for place, service in enumerate(SERVICES):
            one = await history.read(service, START_S + 60, START_S + 9000)
            for signal, index in INDEX.items():
                np.testing.assert_array_equal(values[:, index, place], one.values[signal])
        assert [block async for block in history.blocks(0.0, 1.0)] == []
        await history.close()

    asyncio.run(told())


def test_blocks_have_the_services_of_today(tmp_path: Path) -> None:
    first = segments(tmp_path, Header("s", ("gone", "b")))
    first.open(START_S)
    first.write(START_S, pack([START_S], [sample_of(1, services=2)]))

    async def told() -> None:
        history = DiskHistory(
            tmp_path, "s", ("new", "b"), days=14.0, total_bytes=2**30, flush_every_s=0.0
        )
        ((times, values),) = [block async for block in history.blocks(0.0, 2e9)]
        assert times.tolist() == [START_S]
        assert np.isnan(values[0, :, 0]).all(), "nothing is known of who was not there"
        np.testing.assert_array_equal(values[0, :, 1], sample_of(1, services=2)[:, 1])
        await history.close()

    asyncio.run(told())


def test_a_folder_that_cannot_be_read_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> None:
        history = disk(tmp_path / "h")
        filled(history, 4)
        monkeypatch.setattr(Segments, "list", _failing)
        with pytest.raises(TryAgain, match="cannot be read"):
            _ = [block async for block in history.blocks(0.0, 2e9)]
        await history.close()

    asyncio.run(told())


def _failing(*_: object) -> None:
    raise OSError(errno.EIO, "an error of the disk")


def test_another_life_goes_on_where_the_torn_one_ended(tmp_path: Path) -> None:
    first = segments(tmp_path)
    first.open(START_S)
    first.write(START_S, pack([START_S], [sample_of(0)]))
    first.write(START_S + 5, pack([START_S + 5], [sample_of(1)]))
    (segment,) = first.list()
    os.truncate(segment.path, segment.size - 3)
    second = segments(tmp_path)
    second.open(START_S + 10)
    second.write(START_S + 10, pack([START_S + 10], [sample_of(2)]))
    found = select(second.list(), "a", 0.0, 2e9, ())
    assert found.times_s.tolist() == [START_S, START_S + 10]
    assert found.damaged == 0
    assert len(second.list()) == 1


def test_other_services_begin_another_file(tmp_path: Path) -> None:
    first = segments(tmp_path)
    first.open(START_S)
    first.write(START_S, pack([START_S], [sample_of(0)]))
    other = segments(tmp_path, Header("s", ("b", "new")))
    other.open(START_S + 5)
    other.write(START_S + 5, pack([START_S + 5], [sample_of(1, services=2)]))
    found = select(other.list(), "b", 0.0, 2e9, (Signal.CPU_RATIO,))
    assert found.times_s.tolist() == [START_S, START_S + 5]
    assert select(other.list(), "new", 0.0, 2e9, ()).times_s.tolist() == [START_S + 5]


def test_files_from_before_a_signal_was_known_are_read_and_never_written_on(tmp_path: Path) -> None:
    old = SIGNALS[:8]
    before = Header("s", SERVICES, tuple(str(signal) for signal in old))
    first = segments(tmp_path, before)
    first.open(START_S)
    first.write(START_S, pack([START_S], [sample_of(0)[: len(old)]]))
    now = segments(tmp_path)
    now.open(START_S + 5)
    now.write(START_S + 5, pack([START_S + 5], [sample_of(1)]))
    found = select(now.list(), "a", 0.0, 2e9, ())
    assert found.damaged == 0
    assert found.times_s.tolist() == [START_S, START_S + 5]
    for signal in SIGNALS:
        values = found.values[signal].tolist()
        index = SIGNALS.index(signal)
        assert values[1] == sample_of(1)[index, 0] or np.isnan(sample_of(1)[index, 0])
        assert np.isnan(values[0]) or (signal in old and values[0] == sample_of(0)[index, 0])


def test_an_hour_is_a_file_and_the_old_ones_go(tmp_path: Path) -> None:
    kept = segments(tmp_path, keep_s=3 * SEGMENT_S)
    kept.open(START_S)
    for hour in range(10):
        at_s = START_S + hour * SEGMENT_S
        kept.write(at_s, pack([at_s], [sample_of(hour)]))
    assert [s.start_s for s in kept.list()] == [START_S + h * SEGMENT_S for h in range(5, 10)]
    assert kept.total_bytes == sum(s.path.stat().st_size for s in kept.list())


def test_the_total_stays_within_its_bound(tmp_path: Path) -> None:
    most = 64 * 1024
    kept = segments(tmp_path, total_most=most)
    kept.open(START_S)
    for number in range(3000):
        at_s = START_S + number
        kept.write(at_s, pack([at_s], [sample_of(number)]))
        assert kept.total_bytes <= most
    assert sum(s.path.stat().st_size for s in kept.list()) <= most
    found = select(kept.list(), "a", 0.0, 2e9, ())
    assert found.times_s[-1] == START_S + 2999
    assert len(found.times_s) > 200


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "0000000000001.history").write_bytes(b"nothing of ours")
    kept = segments(tmp_path, keep_s=1e12)
    kept.open(START_S)
    kept.write(START_S, pack([START_S], [sample_of(0)]))
    found = select(kept.list(), "a", 0.0, 2e9, ())
    assert found.times_s.tolist() == [START_S]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_damaged_block_is_left_out_and_counted(tmp_path: Path) -> None:
    kept = segments(tmp_path)
    kept.open(START_S)
    sizes = []
    for number in range(3):
        kept.write(START_S + number, pack([START_S + number], [sample_of(number)]))
        sizes.append(kept.list()[0].size)
    path = kept.list()[0].path
    data = bytearray(path.read_bytes())
    data[sizes[1] - 1] ^= 1
    path.write_bytes(data)
    found = select(kept.list(), "a", 0.0, 2e9, ())
    assert (found.times_s.tolist(), found.damaged) == ([START_S, START_S + 2], 1)


def test_a_full_disk_is_said_and_over_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def told() -> tuple[Columns, str]:
        history = disk(tmp_path / "h")
        monkeypatch.setattr(os, "pwrite", full)
        history.append(START_S, sample_of(0))
        await history.read("a", 0.0, 2e9)
        fault = history.counts().fault
        assert history.counts().shed == 1
        monkeypatch.undo()
        history.append(START_S + 30, sample_of(1))
        found = await history.read("a", 0.0, 2e9)
        assert history.counts().fault == ""
        await history.close()
        return found, fault

    found, fault = asyncio.run(told())
    assert fault == "No space left on device"
    assert found.times_s.tolist() == [START_S + 30]


def test_half_a_write_leaves_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = segments(tmp_path)
    kept.open(START_S)
    kept.write(START_S, pack([START_S], [sample_of(0)]))
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, data[:7], at))
    with pytest.raises(OSError, match="the disk took 7"):
        kept.write(START_S + 1, pack([START_S + 1], [sample_of(1)]))
    monkeypatch.undo()
    kept.write(START_S + 2, pack([START_S + 2], [sample_of(2)]))
    found = select(kept.list(), "a", 0.0, 2e9, ())
    assert (found.times_s.tolist(), found.damaged) == ([START_S, START_S + 2], 0)


def test_a_disk_that_hangs_sheds_and_never_waits(tmp_path: Path) -> None:
    async def told() -> None:
        history = disk(tmp_path / "h", flush_every_s=1e9)
        filled(history, 400)
        counts = history.counts()
        assert counts.shed == 400 - 256
        await history.close()
        assert history.counts().samples == 256

    asyncio.run(told())


def test_a_folder_that_cannot_be_made_is_a_fault_and_no_error(tmp_path: Path) -> None:
    async def told() -> str:
        (tmp_path / "h").write_text("a file")
        history = disk(tmp_path / "h")
        history.append(START_S, sample_of(0))
        await history.close()
        return history.counts().fault

    assert asyncio.run(told()) == "File exists"
