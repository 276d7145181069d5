"""The worker process: what it hands back, and that nothing of it stays however it ends."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask.distributed import LocalCluster

from everup.model.errors import GiveUp, TryAgain
from everup.model.learned import Craft, Trained
from everup.training import ProcessTrainer
from everup.training import folder as place
from tests.unit.training.pasts import NAMES, failures, flow, order, past, put

STANDS_STILL = "import sys, time; print('stands still', flush=True); time.sleep(60)"
DIES = "import sys; print('why it died', file=sys.stderr); sys.exit(3)"


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    """No folder, and no process of ours."""
    yield
    assert not list(tmp_path.glob("everup-training-*"))
    assert not _workers(tmp_path)


def _workers(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def stands_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Another program in the worker's place, in a session of its own as the worker is."""
    real = asyncio.create_subprocess_exec

    async def other(*command: str, **given: object) -> asyncio.subprocess.Process:
        return await real(sys.executable, "-c", code, command[-1], **given)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", other)


def test_the_real_worker_trains(tmp_path: Path) -> None:
    found = failures()
    pasts = [past(name, failures=found) for name in NAMES]

    async def story() -> Trained:
        return await ProcessTrainer(tmp_path).train(order(failures=found), flow(pasts))

    trained = asyncio.run(story())
    assert trained.scores["separation"] > 0.9
    assert trained.took_s > 0


def test_it_says_what_lacks(tmp_path: Path) -> None:
    async def story(craft: Craft) -> None:
        await ProcessTrainer(tmp_path).train(order(craft=craft), flow([past("a", 0.1)]))

    with pytest.raises(GiveUp, match="are needed"):
        asyncio.run(story(Craft.ANOMALY))


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, STANDS_STILL)

    async def story() -> None:
        await ProcessTrainer(tmp_path).train(order(time_most_s=0.5), flow([]))

    with pytest.raises(TryAgain, match=r"longer than 0\.5 s"):
        asyncio.run(story())


def test_one_that_is_cancelled_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, STANDS_STILL)

    async def story() -> None:
        task = asyncio.create_task(ProcessTrainer(tmp_path).train(order(), flow([])))
        while not _workers(tmp_path):
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())


def test_one_whose_everup_was_killed_ends_and_takes_its_folder_with_it(tmp_path: Path) -> None:
    given = order()
    folder = tmp_path / "everup-training-x"
    folder.mkdir()
    put(folder, given, [past(name) for name in NAMES])
    # Whoever waits is another process than the one that started it, as after a kill.
    command = [sys.executable, "-P", "-m", "everup.training", str(folder), "--for", "999999999"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    assert not folder.exists()


def test_a_disk_with_little_room_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everup.training.process.FREE_LEAST_BYTES", 2**62)

    async def story() -> None:
        await ProcessTrainer(tmp_path).train(order(), flow([past("a")]))

    with pytest.raises(TryAgain, match="MiB are free"):
        asyncio.run(story())


def test_folders_of_killed_lives_are_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in(monkeypatch, DIES)
    old, fresh = (tmp_path / f"everup-training-{n}" for n in ("old", "fresh"))
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "order.json").write_text("{}")
    os.utime(old, (0, 0))

    async def story() -> None:
        with pytest.raises(TryAgain, match="ended with 3"):
            await ProcessTrainer(tmp_path).train(order(), flow([]))

    asyncio.run(story())
    assert [old.exists(), fresh.exists()] == [False, True]
    (fresh / "order.json").unlink()
    fresh.rmdir()


def test_one_that_dies_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in(monkeypatch, DIES)

    async def story() -> None:
        await ProcessTrainer(tmp_path).train(order(), flow([]))

    with pytest.raises(TryAgain, match="ended with 3: why it died"):
        asyncio.run(story())


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]);"
        "(p / 'model').write_bytes(b'x'); (p / 'result.json').write_text('{')",
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]);"
        "(p / 'model').write_bytes(b'x'); (p / 'result.json').write_text('{\"scores\": 1}')",
    ],
)
def test_an_answer_that_is_none_is_not_believed(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in(monkeypatch, code)

    async def story() -> None:
        await ProcessTrainer(tmp_path).train(order(), flow([]))

    with pytest.raises(TryAgain, match="answer"):
        asyncio.run(story())


def test_the_worker_asks_a_cluster_where_one_is_named(tmp_path: Path) -> None:
    given, pasts = order(), [past(name) for name in NAMES]
    folder = tmp_path / "f"
    folder.mkdir()
    put(folder, given, pasts)
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
        protocol="tcp", host="127.0.0.1",
    ) as cluster:  # fmt: skip
        command = [sys.executable, "-m", "everup.training", str(folder)]
        command += ["--cluster", cluster.scheduler_address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    far = place.get_result(folder, model_bytes_most=2**26)

    async def here() -> Trained:
        return await ProcessTrainer(tmp_path).train(given, flow(pasts))

    near = asyncio.run(here())
    assert isinstance(far, Trained)
    assert far.content == near.content


def test_a_cluster_needs_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "dask" else 1)
    assert ProcessTrainer().why_not() == ""
    assert "everup[train,cluster]" in ProcessTrainer(cluster="tcp://h:1").why_not()


def test_whoever_serves_never_imports_what_trains() -> None:
    line = (
        "import sys, everup.app.engine, everup.api, everup.cli, everup.training;"
        "found = {'sklearn', 'joblib', 'dask', 'distributed', 'scipy'} & set(sys.modules);"
        "found |= {m for m in sys.modules if m.startswith('everup.training.')};"
        "print(sorted(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", line], capture_output=True, text=True, timeout=120,
        env={**os.environ},
    )  # fmt: skip
    assert done.stdout.strip() == "['everup.training.folder', 'everup.training.process']", (
        done.stderr
    )
